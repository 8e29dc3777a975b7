-- how the names for people are sorted and found: small letters, pinyin; written with users.display_name
CREATE TABLE spellings (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    spelled TEXT NOT NULL CHECK (length(spelled) <= 4096)
);
CREATE INDEX spellings_spelled ON spellings (spelled);
-- the administrators' table: counted and searched without reading whole rows
CREATE INDEX users_found ON users (name, login);
CREATE INDEX users_last_login_s ON users (last_login_s);
