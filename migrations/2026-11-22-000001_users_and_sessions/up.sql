-- Numbers that only grow: 'rights' is read by other processes to notice that somebody's rights changed,
-- 'user_id' is the last id given out (ids are never used twice, so an old reference never names a new person).
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('rights', 0);
INSERT INTO counters (name, value) VALUES ('user_id', 0);

CREATE TABLE users (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 32),
    admin BOOLEAN NOT NULL,
    -- argon2id in PHC form; absent where PAM checks the password
    password_hash TEXT CHECK (length(password_hash) <= 255),
    created_s BIGINT NOT NULL,
    last_login_s BIGINT
);

CREATE TABLE sessions (
    -- SHA-256 of the cookie's value, in hexadecimal: the value itself is nowhere
    hash TEXT NOT NULL PRIMARY KEY CHECK (length(hash) = 64),
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_s BIGINT NOT NULL,
    expires_s BIGINT NOT NULL,
    last_seen_s BIGINT NOT NULL,
    -- the spawner's ticket of this login
    ticket TEXT CHECK (length(ticket) <= 2048)
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_s ON sessions (expires_s);
