//! The tables of what administrators set and what is kept of it: limits, exams, announcements, entries, the audit log.

diesel::table! {
    /// What happened.
    audit (id) {
        /// 1, 2, 3 and so on.
        id -> BigInt,
        /// Microseconds since 1970.
        at_us -> BigInt,
        /// `user:NAME`, `service:NAME`, `operator` or `hub`.
        actor -> Text,
        /// An action's name.
        action -> Text,
        /// To whom or what.
        subject -> Text,
        /// The user who may know it.
        about -> Nullable<Text>,
        /// The client's address.
        address -> Text,
        /// JSON.
        event -> Text,
        /// SHA-256 of the hash before and the event, hexadecimal.
        hash -> Text,
    }
}

diesel::table! {
    /// Who is in somebody else's server.
    entries (user_id, owner_id, server) {
        /// Who entered.
        user_id -> BigInt,
        /// Whose server.
        owner_id -> BigInt,
        /// The server's name.
        server -> Text,
        /// Why.
        reason -> Text,
        /// Seconds since 1970.
        begun_s -> BigInt,
        /// Seconds since 1970.
        until_s -> BigInt,
    }
}

diesel::table! {
    /// What the servers of a user may use.
    user_limits (user_id) {
        /// Whose.
        user_id -> BigInt,
        /// Bytes.
        memory -> Nullable<BigInt>,
        /// Of one core.
        cpu_percent -> Nullable<BigInt>,
        /// 1 to 10000.
        cpu_weight -> Nullable<BigInt>,
        /// Processes and threads.
        tasks -> Nullable<BigInt>,
        /// 1 to 10000.
        io_weight -> Nullable<BigInt>,
        /// Bytes.
        memory_guarantee -> Nullable<BigInt>,
        /// Bytes.
        disk -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// What the servers of the members of a group may use.
    group_limits (group_id) {
        /// Which group.
        group_id -> BigInt,
        /// Bytes.
        memory -> Nullable<BigInt>,
        /// Of one core.
        cpu_percent -> Nullable<BigInt>,
        /// 1 to 10000.
        cpu_weight -> Nullable<BigInt>,
        /// Processes and threads.
        tasks -> Nullable<BigInt>,
        /// 1 to 10000.
        io_weight -> Nullable<BigInt>,
        /// Bytes.
        memory_guarantee -> Nullable<BigInt>,
        /// Bytes.
        disk -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Groups whose members have servers as an exam says, for a time.
    exams (group_id) {
        /// Which group.
        group_id -> BigInt,
        /// Name of the profile; empty: as each chooses.
        profile -> Text,
        /// No network.
        offline -> Bool,
        /// No terminals.
        no_terminals -> Bool,
        /// Microseconds since 1970.
        begun_us -> BigInt,
        /// Seconds since 1970.
        until_s -> BigInt,
    }
}

diesel::table! {
    /// What administrators tell people.
    announcements (id) {
        /// Never used twice.
        id -> BigInt,
        /// 1 to 1000 characters.
        text -> Text,
        /// `info` or `warning`.
        level -> Text,
        /// Names of groups it is for, a JSON list; empty for everybody.
        groups -> Text,
        /// Seconds since 1970; absent: at once.
        starts_s -> Nullable<BigInt>,
        /// Seconds since 1970; absent: until somebody ends it.
        ends_s -> Nullable<BigInt>,
        /// Who wrote it.
        author -> Text,
    }
}

diesel::table! {
    /// Servers that were asked to be kept although nobody uses them.
    keeps (server_id) {
        /// Which one.
        server_id -> BigInt,
        /// Seconds since 1970.
        until_s -> BigInt,
    }
}

diesel::table! {
    /// Which text of the site's terms a user has accepted.
    accepted_terms (user_id, version) {
        /// Who.
        user_id -> BigInt,
        /// SHA-256 of the text, hexadecimal.
        version -> Text,
        /// Seconds since 1970.
        accepted_s -> BigInt,
    }
}

diesel::table! {
    /// Servers that the hub stopped itself at the end of their last run.
    culled (server_id) {
        /// Which one.
        server_id -> BigInt,
        /// Seconds since 1970.
        at_s -> BigInt,
        /// `idle` or `age`.
        why -> Text,
    }
}
