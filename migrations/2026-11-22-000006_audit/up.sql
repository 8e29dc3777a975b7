-- what happened, in order; the triggers are in SQLite's words, PostgreSQL needs a function for them
CREATE TABLE audit (
    -- 1, 2, 3 and so on, without a gap
    id BIGINT NOT NULL PRIMARY KEY,
    at_us BIGINT NOT NULL,
    -- 'user:NAME', 'service:NAME', 'operator' or 'hub'
    actor TEXT NOT NULL CHECK (length(actor) <= 300),
    action TEXT NOT NULL CHECK (length(action) <= 64),
    -- to whom or what
    subject TEXT NOT NULL CHECK (length(subject) <= 600),
    -- the user who may know it
    about TEXT CHECK (length(about) <= 255),
    -- the client's address; empty where there is none
    address TEXT NOT NULL CHECK (length(address) <= 45),
    -- all of it: JSON with sorted keys
    event TEXT NOT NULL CHECK (length(event) <= 65536),
    -- SHA-256 of the hash before (hexadecimal) and the event, in hexadecimal
    hash TEXT NOT NULL CHECK (length(hash) = 64)
);
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_about ON audit (about, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_at_us ON audit (at_us);
INSERT INTO counters (name, value) VALUES ('audit_id', 0);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;

-- who is in the server of somebody else by a right of their own, and why
CREATE TABLE entries (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    owner_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- the server's name; empty for the default one
    server TEXT NOT NULL CHECK (length(server) <= 255),
    reason TEXT NOT NULL CHECK (length(reason) BETWEEN 5 AND 200),
    -- seconds since 1970
    begun_s BIGINT NOT NULL,
    until_s BIGINT NOT NULL,
    PRIMARY KEY (user_id, owner_id, server)
);
CREATE INDEX entries_owner_id ON entries (owner_id);
