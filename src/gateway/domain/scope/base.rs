//! The table of scopes: name, key of its meaning in the catalogue, and what each one includes.

use std::fmt;

use super::custom::CustomScope;
use crate::words::Message;

macro_rules! scopes {
    ($($variant:ident $name:literal $key:literal [$($sub:ident)*])*) => {
        /// What may be done, regardless of to whom. The order is that of the documentation.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Base {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// A scope of the site's own: the hub only hands it on.
            Custom(CustomScope),
        }

        /// Every scope but the site's own.
        const ALL: &[Base] = &[$(Base::$variant),*];

        impl Base {
            /// The name, as in JupyterHub.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Custom(custom) => custom.as_str(),
                }
            }

            /// One sentence for people; `None` for a scope of the site's own, whose words are in the configuration.
            #[must_use]
            pub fn meaning(&self) -> Option<Message> {
                match self {
                    $(Self::$variant => Some(Message::new($key)),)*
                    Self::Custom(_) => None,
                }
            }

            /// What this scope includes directly; of a scope of the site's own the configuration knows.
            #[must_use]
            pub fn includes(&self) -> &'static [Base] {
                match self {
                    $(Self::$variant => const { &[$(Base::$sub),*] },)*
                    Self::Custom(_) => &[],
                }
            }

            /// The scope of that name, if it is not the site's own.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

scopes! {
    NoScope "(no_scope)" "scope-no-scope" []
    Own "self" "scope-self" []
    Inherit "inherit" "scope-inherit" []
    AdminUi "admin-ui" "scope-admin-ui" []
    AdminUsers "admin:users" "scope-admin-users" [AdminAuthState Users ReadRolesUsers DeleteUsers]
    AdminAuthState "admin:auth_state" "scope-admin-auth-state" []
    Users "users" "scope-users" [ReadUsers ListUsers UsersActivity]
    DeleteUsers "delete:users" "scope-delete-users" []
    ListUsers "list:users" "scope-list-users" [ReadUsersName]
    ReadUsers "read:users" "scope-read-users" [ReadUsersName ReadUsersGroups ReadUsersActivity]
    ReadUsersName "read:users:name" "scope-read-users-name" []
    ReadUsersGroups "read:users:groups" "scope-read-users-groups" []
    ReadUsersActivity "read:users:activity" "scope-read-users-activity" []
    ReadRoles "read:roles" "scope-read-roles" [ReadRolesUsers ReadRolesServices ReadRolesGroups]
    ReadRolesUsers "read:roles:users" "scope-read-roles-users" []
    ReadRolesServices "read:roles:services" "scope-read-roles-services" []
    ReadRolesGroups "read:roles:groups" "scope-read-roles-groups" []
    UsersActivity "users:activity" "scope-users-activity" [ReadUsersActivity]
    AdminServers "admin:servers" "scope-admin-servers" [AdminServerState Servers]
    AdminServerState "admin:server_state" "scope-admin-server-state" []
    Servers "servers" "scope-servers" [ReadServers StartServers DeleteServers]
    ReadServers "read:servers" "scope-read-servers" [ReadUsersName]
    StartServers "start:servers" "scope-start-servers" []
    DeleteServers "delete:servers" "scope-delete-servers" []
    Tokens "tokens" "scope-tokens" [ReadTokens]
    ReadTokens "read:tokens" "scope-read-tokens" []
    AdminGroups "admin:groups" "scope-admin-groups" [Groups ReadRolesGroups DeleteGroups]
    Groups "groups" "scope-groups" [ReadGroups ListGroups]
    ListGroups "list:groups" "scope-list-groups" [ReadGroupsName]
    ReadGroups "read:groups" "scope-read-groups" [ReadGroupsName]
    ReadGroupsName "read:groups:name" "scope-read-groups-name" []
    DeleteGroups "delete:groups" "scope-delete-groups" []
    AdminServices "admin:services" "scope-admin-services" [ListServices ReadServices ReadRolesServices]
    ListServices "list:services" "scope-list-services" [ReadServicesName]
    ReadServices "read:services" "scope-read-services" [ReadServicesName]
    ReadServicesName "read:services:name" "scope-read-services-name" []
    ReadHub "read:hub" "scope-read-hub" []
    AccessServers "access:servers" "scope-access-servers" []
    AccessServices "access:services" "scope-access-services" []
    UsersShares "users:shares" "scope-users-shares" [ReadUsersShares]
    ReadUsersShares "read:users:shares" "scope-read-users-shares" []
    GroupsShares "groups:shares" "scope-groups-shares" [ReadGroupsShares]
    ReadGroupsShares "read:groups:shares" "scope-read-groups-shares" []
    ReadShares "read:shares" "scope-read-shares" []
    Shares "shares" "scope-shares" [AccessServers ReadShares UsersShares GroupsShares]
    Proxy "proxy" "scope-proxy" []
    Shutdown "shutdown" "scope-shutdown" []
    ReadMetrics "read:metrics" "scope-read-metrics" []
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Base {
    /// Whether a `!server` filter makes no sense of it: starting a server includes reading a name, but not of one server.
    pub(super) fn is_lost_to_servers(&self) -> bool {
        self.name().starts_with("read:user")
    }
}

/// Every scope but the site's own, in the order of the documentation.
#[must_use]
pub const fn table() -> &'static [Base] {
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn every_name_leads_back_to_its_scope() {
        assert_eq!(ALL.len(), 48);
        for base in ALL {
            assert_eq!(Base::of_name(base.name()).as_ref(), Some(base));
        }
        assert_eq!(Base::of_name("all"), None);
    }

    #[test]
    fn every_scope_has_words_and_none_includes_itself() {
        fn depth(base: &Base) -> usize {
            1 + base.includes().iter().map(depth).max().unwrap_or(0)
        }
        for base in ALL {
            let words = base.meaning().unwrap().in_language(Language::English);
            assert!(words.ends_with('.'), "{base}");
            assert!(depth(base) < 6, "{base}");
        }
    }
}
