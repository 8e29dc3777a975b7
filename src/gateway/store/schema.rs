//! The tables, as `diesel print-schema` prints them; a test compares them with the database.

mod care;

pub use care::*;

diesel::table! {
    /// Numbers that only grow.
    counters (name) {
        /// Which number.
        name -> Text,
        /// Its value.
        value -> BigInt,
    }
}

diesel::table! {
    /// Who may log in.
    users (id) {
        /// Never used twice.
        id -> BigInt,
        /// A `Username`.
        name -> Text,
        /// Administrator of the hub.
        admin -> Bool,
        /// argon2id in PHC form.
        password_hash -> Nullable<Text>,
        /// Seconds since 1970.
        created_s -> BigInt,
        /// Seconds since 1970.
        last_login_s -> Nullable<BigInt>,
        /// The spawner's ticket of the last login.
        ticket -> Nullable<Text>,
        /// Microseconds since 1970.
        last_activity_us -> Nullable<BigInt>,
        /// A `LoginName`, where it is not the name.
        login -> Nullable<Text>,
        /// What people call them.
        display_name -> Nullable<Text>,
        /// Locked out by an administrator.
        disabled -> Bool,
        /// Seconds since 1970.
        expires_s -> Nullable<BigInt>,
        /// The password must be changed at the next login.
        must_change -> Bool,
        /// Seconds since 1970.
        password_changed_s -> Nullable<BigInt>,
        /// A JSON list.
        claimed_groups -> Text,
        /// The rule that kept them out.
        refused -> Nullable<Text>,
    }
}

diesel::table! {
    /// How users' names for people are sorted and found.
    spellings (user_id) {
        /// Whose name.
        user_id -> BigInt,
        /// Small letters; Chinese by pinyin.
        spelled -> Text,
    }
}

diesel::table! {
    /// Who is logged in.
    sessions (hash) {
        /// SHA-256 of the cookie's value, hexadecimal.
        hash -> Text,
        /// Whose session.
        user_id -> BigInt,
        /// Seconds since 1970.
        created_s -> BigInt,
        /// Seconds since 1970.
        expires_s -> BigInt,
        /// Seconds since 1970.
        last_seen_s -> BigInt,
        /// The spawner's ticket of this login.
        ticket -> Nullable<Text>,
        /// Value of the cookie jupyterhub-session-id.
        public_id -> Text,
        /// The client's address.
        address -> Text,
        /// What the browser calls itself, shortened.
        device -> Text,
        /// How the owner proved who they are.
        method -> Text,
        /// When they last did, seconds since 1970.
        proven_s -> BigInt,
        /// The provider's id token.
        id_token -> Nullable<Text>,
    }
}

diesel::table! {
    /// Groups of users.
    groups (id) {
        /// Never used twice.
        id -> BigInt,
        /// The name.
        name -> Text,
        /// A JSON object.
        properties -> Text,
    }
}

diesel::table! {
    /// Who is in which group.
    group_members (group_id, user_id) {
        /// Which group.
        group_id -> BigInt,
        /// Which user.
        user_id -> BigInt,
    }
}

diesel::table! {
    /// Servers that somebody has used or named.
    servers (id) {
        /// Never used twice.
        id -> BigInt,
        /// Which user.
        user_id -> BigInt,
        /// The name.
        name -> Text,
        /// As people call it.
        display_name -> Nullable<Text>,
        /// Microseconds since 1970.
        created_us -> BigInt,
        /// Microseconds since 1970.
        started_us -> Nullable<BigInt>,
        /// Microseconds since 1970.
        last_activity_us -> Nullable<BigInt>,
        /// A JSON object.
        user_options -> Text,
        /// How its last run ended, a JSON object.
        last_end -> Nullable<Text>,
    }
}

diesel::table! {
    /// Rights to act.
    tokens (id) {
        /// Never used twice.
        id -> BigInt,
        /// SHA-256, hexadecimal.
        hash -> Text,
        /// Which user.
        user_id -> Nullable<BigInt>,
        /// Whose, if a service's.
        service -> Nullable<Text>,
        /// Which OAuth client.
        client_id -> Nullable<Text>,
        /// The client, if a server.
        client_server_id -> Nullable<BigInt>,
        /// The client, if a service.
        client_service -> Nullable<Text>,
        /// Which server.
        server_id -> Nullable<BigInt>,
        /// Public id of a login.
        session_id -> Nullable<Text>,
        /// Microseconds since 1970.
        created_us -> BigInt,
        /// Microseconds since 1970.
        expires_us -> Nullable<BigInt>,
        /// Microseconds since 1970.
        last_activity_us -> Nullable<BigInt>,
        /// What it is for.
        note -> Text,
        /// A JSON list.
        scopes -> Text,
        /// How a JupyterHub kept it, where it came from one.
        imported -> Nullable<Text>,
    }
}

diesel::table! {
    /// OAuth clients of servers.
    oauth_clients (identifier) {
        /// The client id.
        identifier -> Text,
        /// Which server.
        server_id -> BigInt,
        /// SHA-256, hexadecimal.
        secret_hash -> Text,
        /// Where codes are sent.
        redirect_uri -> Text,
        /// What people read.
        description -> Text,
        /// A JSON list.
        allowed_scopes -> Text,
    }
}

diesel::table! {
    /// OAuth codes that wait for their exchange.
    oauth_codes (hash) {
        /// SHA-256, hexadecimal.
        hash -> Text,
        /// Which OAuth client.
        client_id -> Text,
        /// Which user.
        user_id -> BigInt,
        /// Public id of a login.
        session_id -> Nullable<Text>,
        /// Where codes are sent.
        redirect_uri -> Text,
        /// A JSON list.
        scopes -> Text,
        /// PKCE.
        code_challenge -> Nullable<Text>,
        /// PKCE: plain or S256.
        code_challenge_method -> Nullable<Text>,
        /// Microseconds since 1970.
        expires_us -> BigInt,
    }
}

diesel::table! {
    /// What an owner lets others do with a server.
    shares (id) {
        /// Never used twice.
        id -> BigInt,
        /// Which server.
        server_id -> BigInt,
        /// Which user.
        user_id -> Nullable<BigInt>,
        /// Which group.
        group_id -> Nullable<BigInt>,
        /// A JSON list.
        scopes -> Text,
        /// Microseconds since 1970.
        created_us -> BigInt,
    }
}

diesel::table! {
    /// Codes that can be exchanged for a share.
    share_codes (id) {
        /// Never used twice.
        id -> BigInt,
        /// SHA-256, hexadecimal.
        hash -> Text,
        /// Which server.
        server_id -> BigInt,
        /// A JSON list.
        scopes -> Text,
        /// Microseconds since 1970.
        created_us -> BigInt,
        /// Microseconds since 1970.
        expires_us -> BigInt,
        /// How often it was used.
        exchange_count -> BigInt,
        /// Microseconds since 1970.
        last_exchanged_us -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Services made at run time.
    services (name) {
        /// The name.
        name -> Text,
        /// A JSON object.
        spec -> Text,
        /// SHA-256, hexadecimal.
        token_hash -> Nullable<Text>,
        /// Microseconds since 1970.
        created_us -> BigInt,
    }
}

diesel::table! {
    /// The host's accounts behind users.
    accounts (user_id) {
        /// Whose.
        user_id -> BigInt,
        /// The account that logged in first.
        uid -> Nullable<BigInt>,
        /// When hubgate made it, seconds since 1970.
        created_s -> Nullable<BigInt>,
        /// Last change of its password as it was seen last, days since 1970.
        password_changed_day -> Nullable<BigInt>,
        /// Another account of that name has come since.
        estranged -> Bool,
        /// A JSON list.
        groups -> Text,
        /// Locked when its owner logged in.
        locked -> Bool,
    }
}

diesel::table! {
    /// Secrets of one-time codes.
    totp (user_id) {
        /// Whose.
        user_id -> BigInt,
        /// Sealed with the key file.
        sealed -> Text,
        /// Last step that was used.
        last_step -> BigInt,
        /// Seconds since 1970.
        created_s -> BigInt,
    }
}

diesel::table! {
    /// One use each.
    recovery_codes (hash) {
        /// SHA-256 of the code, hexadecimal.
        hash -> Text,
        /// Whose.
        user_id -> BigInt,
    }
}

diesel::table! {
    /// Second factors that are devices.
    passkeys (id) {
        /// The credential's id, base64url.
        id -> Text,
        /// Whose.
        user_id -> BigInt,
        /// What its owner calls it.
        name -> Text,
        /// JSON.
        credential -> Text,
        /// Seconds since 1970.
        created_s -> BigInt,
        /// Seconds since 1970.
        last_used_s -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Links that work once.
    one_time_links (hash) {
        /// SHA-256 of the link's secret, hexadecimal.
        hash -> Text,
        /// What it is for.
        purpose -> Text,
        /// Whom it is for.
        user_id -> Nullable<BigInt>,
        /// Seconds since 1970.
        created_s -> BigInt,
        /// Seconds since 1970.
        expires_s -> BigInt,
    }
}

diesel::table! {
    /// Who a user is at an identity provider.
    identities (provider, subject) {
        /// The provider's name in the configuration.
        provider -> Text,
        /// The provider's own name for them.
        subject -> Text,
        /// Whose.
        user_id -> BigInt,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(spellings -> users (user_id));
diesel::joinable!(group_members -> groups (group_id));
diesel::joinable!(group_members -> users (user_id));
diesel::joinable!(servers -> users (user_id));
diesel::joinable!(oauth_clients -> servers (server_id));
diesel::joinable!(oauth_codes -> users (user_id));
diesel::joinable!(shares -> servers (server_id));
diesel::joinable!(share_codes -> servers (server_id));
diesel::joinable!(accounts -> users (user_id));
diesel::joinable!(totp -> users (user_id));
diesel::joinable!(recovery_codes -> users (user_id));
diesel::joinable!(passkeys -> users (user_id));
diesel::joinable!(one_time_links -> users (user_id));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(user_limits -> users (user_id));
diesel::joinable!(group_limits -> groups (group_id));
diesel::joinable!(exams -> groups (group_id));
diesel::joinable!(keeps -> servers (server_id));
diesel::joinable!(culled -> servers (server_id));
diesel::joinable!(accepted_terms -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(
    entries,
    users,
    spellings,
    sessions,
    groups,
    group_members,
    servers,
    tokens,
    oauth_clients,
    oauth_codes,
    shares,
    share_codes,
    accounts,
    totp,
    recovery_codes,
    passkeys,
    one_time_links,
    identities,
    user_limits,
    group_limits,
    exams,
    announcements,
    keeps,
    culled,
    accepted_terms,
);
