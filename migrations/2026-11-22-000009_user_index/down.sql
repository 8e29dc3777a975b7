DROP INDEX users_last_login_s;
DROP INDEX users_found;
DROP TABLE spellings;
