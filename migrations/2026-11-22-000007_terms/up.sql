-- which text of the site's terms a user has accepted, and when
CREATE TABLE accepted_terms (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the text, hexadecimal
    version TEXT NOT NULL CHECK (length(version) = 64),
    -- seconds since 1970
    accepted_s BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);
