//! The tables, as `diesel print-schema` prints them; a test compares them with the database.

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

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(group_members -> groups (group_id));
diesel::joinable!(group_members -> users (user_id));
diesel::joinable!(servers -> users (user_id));
diesel::joinable!(oauth_clients -> servers (server_id));
diesel::joinable!(oauth_codes -> users (user_id));
diesel::joinable!(shares -> servers (server_id));
diesel::joinable!(share_codes -> servers (server_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    groups,
    group_members,
    servers,
    tokens,
    oauth_clients,
    oauth_codes,
    shares,
    share_codes,
);
