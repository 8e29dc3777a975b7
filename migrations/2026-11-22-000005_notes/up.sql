-- moves with every change of the announcements
INSERT INTO counters (name, value) VALUES ('notices', 0);
INSERT INTO counters (name, value) VALUES ('announcement_id', 0);

-- what administrators tell people
CREATE TABLE announcements (
    id BIGINT NOT NULL PRIMARY KEY,
    text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 1000),
    -- 'info' or 'warning'
    level TEXT NOT NULL CHECK (length(level) <= 16),
    -- names of groups whose members it is for, a JSON list; empty for everybody
    groups TEXT NOT NULL DEFAULT '[]',
    -- absent: at once, and until somebody ends it
    starts_s BIGINT,
    ends_s BIGINT,
    -- who wrote it: a user or a service
    author TEXT NOT NULL CHECK (length(author) <= 255)
);

-- until when a server was asked to be kept, although nobody uses it
CREATE TABLE keeps (
    server_id BIGINT NOT NULL PRIMARY KEY REFERENCES servers (id) ON DELETE CASCADE,
    until_s BIGINT NOT NULL
);
