-- what the servers of a user may use; NULL leaves it to the groups, the profile and the configuration
CREATE TABLE user_limits (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- bytes
    memory BIGINT CHECK (memory > 0),
    -- of one core
    cpu_percent BIGINT CHECK (cpu_percent > 0),
    cpu_weight BIGINT CHECK (cpu_weight > 0),
    -- processes and threads
    tasks BIGINT CHECK (tasks > 0),
    io_weight BIGINT CHECK (io_weight > 0)
);

-- the same for the members of a group
CREATE TABLE group_limits (
    group_id BIGINT NOT NULL PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
    memory BIGINT CHECK (memory > 0),
    cpu_percent BIGINT CHECK (cpu_percent > 0),
    cpu_weight BIGINT CHECK (cpu_weight > 0),
    tasks BIGINT CHECK (tasks > 0),
    io_weight BIGINT CHECK (io_weight > 0)
);

-- groups whose members have servers as an exam says, for a time
CREATE TABLE exams (
    group_id BIGINT NOT NULL PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
    -- empty: as each chooses
    profile TEXT NOT NULL CHECK (length(profile) <= 255),
    offline BOOLEAN NOT NULL,
    no_terminals BOOLEAN NOT NULL,
    -- microseconds since 1970
    begun_us BIGINT NOT NULL,
    -- seconds since 1970
    until_s BIGINT NOT NULL
);
