ALTER TABLE group_limits DROP COLUMN disk;
ALTER TABLE user_limits DROP COLUMN disk;
ALTER TABLE group_limits DROP COLUMN memory_guarantee;
ALTER TABLE user_limits DROP COLUMN memory_guarantee;
