DROP TABLE exams;
DROP TABLE group_limits;
DROP TABLE user_limits;
