-- 'directory' grows when members, groups, administrators, named servers, shares or services change: what every process
-- keeps of them in memory is old then. The others are the last ids given out.
INSERT INTO counters (name, value) VALUES ('directory', 0);
INSERT INTO counters (name, value) VALUES ('group_id', 0);
INSERT INTO counters (name, value) VALUES ('server_id', 0);
INSERT INTO counters (name, value) VALUES ('token_id', 0);
INSERT INTO counters (name, value) VALUES ('share_id', 0);
INSERT INTO counters (name, value) VALUES ('share_code_id', 0);

-- the spawner's ticket of the last login: servers are started by it where nobody with a session asks
ALTER TABLE users ADD COLUMN ticket TEXT CHECK (length(ticket) <= 2048);
ALTER TABLE users ADD COLUMN last_activity_us BIGINT;
CREATE INDEX users_last_activity_us ON users (last_activity_us);

-- the value of the cookie jupyterhub-session-id: servers and services may know it, it opens nothing
ALTER TABLE sessions ADD COLUMN public_id TEXT NOT NULL DEFAULT '' CHECK (length(public_id) <= 64);
UPDATE sessions SET public_id = substr(hash, 33);

CREATE TABLE groups (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    -- a JSON object
    properties TEXT NOT NULL
);

CREATE TABLE group_members (
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user_id ON group_members (user_id);

-- servers that somebody has used or named; what they do is systemd's to say
CREATE TABLE servers (
    id BIGINT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- empty for the default server
    name TEXT NOT NULL CHECK (length(name) <= 32),
    display_name TEXT CHECK (length(display_name) <= 1024),
    created_us BIGINT NOT NULL,
    started_us BIGINT,
    last_activity_us BIGINT,
    -- a JSON object
    user_options TEXT NOT NULL,
    UNIQUE (user_id, name)
);

-- rights to act; the text of a token is nowhere
CREATE TABLE tokens (
    id BIGINT NOT NULL PRIMARY KEY,
    -- SHA-256 of the token, in hexadecimal
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    -- whose token: a user's or a service's
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    service TEXT,
    -- OAuth client that it was issued to, and what that client is
    client_id TEXT,
    client_server_id BIGINT REFERENCES servers (id) ON DELETE CASCADE,
    client_service TEXT,
    -- the server that acts with it
    server_id BIGINT REFERENCES servers (id) ON DELETE CASCADE,
    -- public id of the login that it ends with
    session_id TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    last_activity_us BIGINT,
    note TEXT NOT NULL,
    -- a JSON list of scopes as they were asked for
    scopes TEXT NOT NULL,
    CHECK ((user_id IS NULL) <> (service IS NULL))
);
CREATE INDEX tokens_user_id ON tokens (user_id);
CREATE INDEX tokens_client_id ON tokens (client_id);
CREATE INDEX tokens_client_server_id ON tokens (client_server_id);
CREATE INDEX tokens_server_id ON tokens (server_id);
CREATE INDEX tokens_expires_us ON tokens (expires_us);

-- OAuth clients of servers; those of services come from the configuration
CREATE TABLE oauth_clients (
    identifier TEXT NOT NULL PRIMARY KEY CHECK (length(identifier) <= 255),
    server_id BIGINT NOT NULL UNIQUE REFERENCES servers (id) ON DELETE CASCADE,
    -- SHA-256 of the secret, in hexadecimal
    secret_hash TEXT NOT NULL CHECK (length(secret_hash) = 64),
    redirect_uri TEXT NOT NULL,
    description TEXT NOT NULL,
    -- a JSON list
    allowed_scopes TEXT NOT NULL
);

CREATE TABLE oauth_codes (
    -- SHA-256 of the code, in hexadecimal
    hash TEXT NOT NULL PRIMARY KEY CHECK (length(hash) = 64),
    client_id TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT,
    redirect_uri TEXT NOT NULL,
    -- a JSON list
    scopes TEXT NOT NULL,
    code_challenge TEXT,
    code_challenge_method TEXT,
    expires_us BIGINT NOT NULL
);
CREATE INDEX oauth_codes_user_id ON oauth_codes (user_id);

-- what an owner lets one user or one group do with a server
CREATE TABLE shares (
    id BIGINT NOT NULL PRIMARY KEY,
    server_id BIGINT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    group_id BIGINT REFERENCES groups (id) ON DELETE CASCADE,
    -- a JSON list of scopes without filter: the server is the filter
    scopes TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (server_id, user_id),
    UNIQUE (server_id, group_id),
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);
CREATE INDEX shares_user_id ON shares (user_id);
CREATE INDEX shares_group_id ON shares (group_id);

-- a code that whoever is logged in may exchange for a share
CREATE TABLE share_codes (
    id BIGINT NOT NULL PRIMARY KEY,
    -- SHA-256 of the code, in hexadecimal
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    server_id BIGINT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    -- a JSON list of scopes without filter
    scopes TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    exchange_count BIGINT NOT NULL,
    last_exchanged_us BIGINT
);
CREATE INDEX share_codes_server_id ON share_codes (server_id);

-- services that were made by POST /services; the others are in the services file
CREATE TABLE services (
    name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 255),
    -- a JSON object: the service's description without its token
    spec TEXT NOT NULL,
    -- SHA-256 of the token, in hexadecimal
    token_hash TEXT CHECK (length(token_hash) = 64),
    created_us BIGINT NOT NULL
);
