//! The table of scopes: name, meaning, and what each one includes.

use std::fmt;

use super::custom::CustomScope;

macro_rules! scopes {
    ($($variant:ident $name:literal $meaning:literal [$($sub:ident)*])*) => {
        /// What may be done, regardless of to whom. The order is that of the documentation.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Base {
            $(#[doc = $meaning] $variant,)*
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

            /// One sentence for people; empty for a scope of the site's own, whose words are in the configuration.
            #[must_use]
            pub fn meaning(&self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                    Self::Custom(_) => "",
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
    NoScope "(no_scope)" "Know who holds this." []
    Own "self" "Do what every user may do with what is their own." []
    Inherit "inherit" "Do everything that the owner may do." []
    AdminUi "admin-ui" "Open the admin page; what can be done there needs scopes of its own." []
    AdminUsers "admin:users" "Create, read, change and delete users and their authentication state, but not their servers and tokens. As good as everything." [AdminAuthState Users ReadRolesUsers DeleteUsers]
    AdminAuthState "admin:auth_state" "Read the authentication state of users." []
    Users "users" "Read and change users, but not their servers, tokens and authentication state." [ReadUsers ListUsers UsersActivity]
    DeleteUsers "delete:users" "Delete users." []
    ListUsers "list:users" "List users, with their names at least." [ReadUsersName]
    ReadUsers "read:users" "Read users, with the address of a running default server." [ReadUsersName ReadUsersGroups ReadUsersActivity]
    ReadUsersName "read:users:name" "Read the names of users." []
    ReadUsersGroups "read:users:groups" "Read the groups of users." []
    ReadUsersActivity "read:users:activity" "Read when users were last active." []
    ReadRoles "read:roles" "Read who has which role." [ReadRolesUsers ReadRolesServices ReadRolesGroups]
    ReadRolesUsers "read:roles:users" "Read the roles of users." []
    ReadRolesServices "read:roles:services" "Read the roles of services." []
    ReadRolesGroups "read:roles:groups" "Read the roles of groups." []
    UsersActivity "users:activity" "Report when users were last active." [ReadUsersActivity]
    AdminServers "admin:servers" "Read, start, stop, create and delete servers, with their internal state." [AdminServerState Servers]
    AdminServerState "admin:server_state" "Read and change the internal state of servers." []
    Servers "servers" "Start and stop servers." [ReadServers StartServers DeleteServers]
    ReadServers "read:servers" "Read the names of users and their servers, but not the internal state." [ReadUsersName]
    StartServers "start:servers" "Start and change servers." []
    DeleteServers "delete:servers" "Stop and delete servers." []
    Tokens "tokens" "Read, create, change and delete the tokens of users." [ReadTokens]
    ReadTokens "read:tokens" "Read the tokens of users, never their text." []
    AdminGroups "admin:groups" "Create, read, change and delete groups." [Groups ReadRolesGroups DeleteGroups]
    Groups "groups" "Read and change groups, with their members. A new member may gain rights." [ReadGroups ListGroups]
    ListGroups "list:groups" "List groups, with their names at least." [ReadGroupsName]
    ReadGroups "read:groups" "Read groups." [ReadGroupsName]
    ReadGroupsName "read:groups:name" "Read the names of groups." []
    DeleteGroups "delete:groups" "Delete groups." []
    AdminServices "admin:services" "Create, read, change and delete services, but not those of the configuration." [ListServices ReadServices ReadRolesServices]
    ListServices "list:services" "List services, with their names at least." [ReadServicesName]
    ReadServices "read:services" "Read services." [ReadServicesName]
    ReadServicesName "read:services:name" "Read the names of services." []
    ReadHub "read:hub" "Read the details of the hub." []
    AccessServers "access:servers" "Use servers, in a browser or by their API." []
    AccessServices "access:services" "Use services, in a browser or by their API." []
    UsersShares "users:shares" "Read and revoke what is shared with users." [ReadUsersShares]
    ReadUsersShares "read:users:shares" "Read what is shared with users." []
    GroupsShares "groups:shares" "Read and revoke what is shared with groups." [ReadGroupsShares]
    ReadGroupsShares "read:groups:shares" "Read what is shared with groups." []
    ReadShares "read:shares" "Read with whom servers are shared." []
    Shares "shares" "Share servers and end that." [AccessServers ReadShares UsersShares GroupsShares]
    Proxy "proxy" "Read the table of routes and bring it up to date." []
    Shutdown "shutdown" "Stop the hub." []
    ReadMetrics "read:metrics" "Read the hub's metrics." []
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

/// The whole table in the order of the documentation: name, meaning, names of what is included directly.
pub fn table() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    ALL.iter().map(|base| (base.name(), base.meaning(), base.includes().iter().map(Base::name).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(base.meaning().ends_with('.'), "{base}");
            assert!(depth(base) < 6, "{base}");
        }
    }
}
