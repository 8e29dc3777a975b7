-- who people are beside their name: what they type, what they are called, which account of the host is theirs
ALTER TABLE users ADD COLUMN login TEXT CHECK (length(login) BETWEEN 1 AND 255);
CREATE UNIQUE INDEX users_login ON users (login);
ALTER TABLE users ADD COLUMN display_name TEXT CHECK (length(display_name) <= 255);
-- whether an administrator has locked them out, and when they stop being users by themselves
ALTER TABLE users ADD COLUMN disabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN expires_s BIGINT;
-- whether the password here must be changed at the next login
ALTER TABLE users ADD COLUMN must_change BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN password_changed_s BIGINT;
-- groups that an identity provider named at the last login: a JSON list
ALTER TABLE users ADD COLUMN claimed_groups TEXT NOT NULL DEFAULT '[]';
-- the rule that kept them out when it was looked last whether they may stay
ALTER TABLE users ADD COLUMN refused TEXT CHECK (length(refused) <= 32);

-- the host's account behind a user
CREATE TABLE accounts (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- the account that logged in first; none where systemd chooses one at each start, or before it was seen
    uid BIGINT,
    -- when hubgate made it
    created_s BIGINT,
    -- day of its password's last change, as it was seen last
    password_changed_day BIGINT,
    -- another account of that name has come since: nobody gets in until an administrator says so
    estranged BOOLEAN NOT NULL DEFAULT FALSE,
    -- its groups as they were seen last: a JSON list
    groups TEXT NOT NULL DEFAULT '[]',
    -- its password was locked when its owner logged in: something else than the shadow file knows it
    locked BOOLEAN NOT NULL DEFAULT FALSE
);
INSERT INTO accounts (user_id) SELECT id FROM users WHERE ticket IS NOT NULL;

-- the second factor
CREATE TABLE totp (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- the secret, sealed with the key file
    sealed TEXT NOT NULL CHECK (length(sealed) <= 512),
    -- the last step that was used, so that no code counts twice
    last_step BIGINT NOT NULL,
    created_s BIGINT NOT NULL
);

-- what "my sessions" shows; how and when its owner last proved who they are
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '' CHECK (length(address) <= 45);
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '' CHECK (length(device) <= 255);
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password' CHECK (length(method) <= 64);
ALTER TABLE sessions ADD COLUMN proven_s BIGINT NOT NULL DEFAULT 0;
-- provider's id token, for the logout there
ALTER TABLE sessions ADD COLUMN id_token TEXT CHECK (length(id_token) <= 8192);

-- one use each
CREATE TABLE recovery_codes (
    -- SHA-256 of the code, in hexadecimal
    hash TEXT NOT NULL PRIMARY KEY CHECK (length(hash) = 64),
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_user_id ON recovery_codes (user_id);

CREATE TABLE passkeys (
    -- the credential's id in base64url
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) <= 1400),
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- what its owner calls it
    name TEXT NOT NULL CHECK (length(name) <= 64),
    -- JSON: public key and counter
    credential TEXT NOT NULL,
    created_s BIGINT NOT NULL,
    last_used_s BIGINT
);
CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- links that work once: to set a password, to become the first administrator
CREATE TABLE one_time_links (
    -- SHA-256 of the link's secret, in hexadecimal
    hash TEXT NOT NULL PRIMARY KEY CHECK (length(hash) = 64),
    -- 'password' or 'setup'
    purpose TEXT NOT NULL CHECK (length(purpose) <= 16),
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    created_s BIGINT NOT NULL,
    expires_s BIGINT NOT NULL
);
CREATE INDEX one_time_links_user_id ON one_time_links (user_id);

-- who a user is at an identity provider
CREATE TABLE identities (
    provider TEXT NOT NULL CHECK (length(provider) <= 64),
    subject TEXT NOT NULL CHECK (length(subject) <= 255),
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_user_id ON identities (user_id);

-- a token that came from a JupyterHub, as that kept it: PREFIX:sha512:1:SALT:DIGEST; 'hash' is SHA-256 of this text then
ALTER TABLE tokens ADD COLUMN imported TEXT CHECK (length(imported) <= 255);
