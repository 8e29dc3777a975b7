-- servers that the hub stopped itself at the end of their last run
CREATE TABLE culled (
    server_id BIGINT NOT NULL PRIMARY KEY REFERENCES servers (id) ON DELETE CASCADE,
    at_s BIGINT NOT NULL,
    -- 'idle' or 'age'
    why TEXT NOT NULL CHECK (length(why) <= 16)
);
