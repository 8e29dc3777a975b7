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
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, sessions);
