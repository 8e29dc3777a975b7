-- bytes that servers keep while others have more than their own
ALTER TABLE user_limits ADD COLUMN memory_guarantee BIGINT CHECK (memory_guarantee > 0);
ALTER TABLE group_limits ADD COLUMN memory_guarantee BIGINT CHECK (memory_guarantee > 0);
-- bytes that the files of an account may take
ALTER TABLE user_limits ADD COLUMN disk BIGINT CHECK (disk > 0);
ALTER TABLE group_limits ADD COLUMN disk BIGINT CHECK (disk > 0);
