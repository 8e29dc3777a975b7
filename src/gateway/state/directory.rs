//! Who is who and may do what: an immutable picture of configuration and database, made anew when either changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash as Hashable;
use std::sync::Arc;

use diesel::QueryResult;
use hubgate_protocol::{LoginName, ServerId, ServerName, Username};
use parking_lot::Mutex;

use super::service::Service;
use super::site::Site;
use super::tokens::Token;
use crate::domain::entity::{GroupName, RoleName, ServiceName};
use crate::domain::exam::Exam;
use crate::domain::limits::Limits;
use crate::domain::scope::{
    Base, CustomScopes, Holder, Membership, Owner, Role, Scope, ScopeSet, Target, Verdict, expand, of_token,
};
use crate::store::services::ServiceRow;
use crate::store::shares::{Share, Wanted, With};
use crate::store::{Conn, accounts, groups, limits, servers, services, shares, standing, users};

/// Most sets of scopes kept; about three kilobytes each. Beyond them all are worked out anew.
const KEPT_MAX: usize = 4096;

/// What the database says, as it is read.
#[derive(Debug, Default)]
pub struct Facts {
    admins: Vec<Username>,
    barred: Vec<(Username, Option<i64>)>,
    logins: Vec<(LoginName, Username)>,
    memberships: Vec<(GroupName, Username)>,
    named: Vec<ServerId>,
    shares: Vec<Share>,
    services: Vec<ServiceRow>,
    user_limits: Vec<(Username, Limits)>,
    group_limits: Vec<(GroupName, Limits)>,
    exams: Vec<(GroupName, Exam)>,
}

impl Facts {
    /// Reads them, for a site with these `admin_groups`. Of users only those who stand out are read: a directory does not
    /// grow with their number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn read(c: &mut Conn, admin_groups: &[String]) -> QueryResult<Self> {
        let mut admins = users::admins(c)?;
        admins.extend(accounts::in_groups(c, admin_groups)?);
        Ok(Self {
            admins,
            barred: standing::barred(c)?,
            logins: standing::given_logins(c)?,
            memberships: groups::memberships(c)?,
            named: servers::named(c)?,
            shares: shares::list(c, &Wanted::All, 0, i64::MAX)?.0,
            services: services::all(c)?,
            user_limits: limits::of_users(c)?,
            group_limits: limits::of_groups(c)?,
            exams: limits::all_exams(c)?,
        })
    }
}

/// The picture. Whoever holds one sees no later change.
#[derive(Debug)]
pub struct Directory {
    site: Arc<Site>,
    admins: BTreeSet<Username>,
    barred: HashMap<Username, i64>,
    logins: HashMap<LoginName, Username>,
    members: BTreeMap<GroupName, BTreeSet<Username>>,
    groups: HashMap<Username, BTreeSet<GroupName>>,
    named: HashMap<Username, BTreeSet<ServerName>>,
    shared: HashMap<With, Vec<Scope>>,
    services: BTreeMap<ServiceName, Service>,
    user_limits: HashMap<Username, Limits>,
    group_limits: HashMap<GroupName, Limits>,
    exams: BTreeMap<GroupName, Exam>,
    none: (BTreeSet<GroupName>, BTreeSet<ServerName>, BTreeSet<Username>),
    of_owners: Kept<Owner>,
    of_tokens: Kept<i64>,
    of_shares: Kept<Username>,
}

/// Sets of scopes that were worked out.
#[derive(Debug)]
struct Kept<K>(Mutex<HashMap<K, Arc<ScopeSet>>>);

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hashable + Eq + Clone> Kept<K> {
    fn get(&self, key: &K, work_out: impl FnOnce() -> ScopeSet) -> Arc<ScopeSet> {
        if let Some(known) = self.0.lock().get(key) {
            return known.clone();
        }
        let mut set = work_out();
        set.share();
        let set = Arc::new(set);
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key.clone(), set.clone());
        set
    }
}

impl Membership for Directory {
    fn is_member(&self, user: &Username, group: &GroupName) -> bool {
        self.members.get(group).is_some_and(|members| members.contains(user))
    }
}

impl Directory {
    /// Puts configuration and database together.
    #[must_use]
    pub fn new(site: Arc<Site>, facts: Facts) -> Self {
        let mut members: BTreeMap<GroupName, BTreeSet<Username>> = BTreeMap::new();
        let mut groups: HashMap<Username, BTreeSet<GroupName>> = HashMap::new();
        for (group, user) in facts.memberships {
            groups.entry(user.clone()).or_default().insert(group.clone());
            members.entry(group).or_default().insert(user);
        }
        let mut named: HashMap<Username, BTreeSet<ServerName>> = HashMap::new();
        for id in facts.named {
            named.entry(id.user).or_default().insert(id.server);
        }
        let mut shared: HashMap<With, Vec<Scope>> = HashMap::new();
        for share in facts.shares {
            shared.entry(share.with).or_default().extend(share.scopes);
        }
        let mut services = site.services.clone();
        for service in facts.services.iter().filter_map(|row| site.made(row)) {
            services.entry(service.name.clone()).or_insert(service);
        }
        let mut barred = HashMap::new();
        for (user, from_s) in facts.barred {
            let from_s = from_s.unwrap_or(i64::MIN);
            barred.entry(user).and_modify(|at_s: &mut i64| *at_s = from_s.min(*at_s)).or_insert(from_s);
        }
        let logins = facts.logins.into_iter().collect();
        let admins = facts.admins.into_iter().chain(site.admins.iter().cloned()).collect();
        let user_limits = facts.user_limits.into_iter().collect();
        let group_limits = facts.group_limits.into_iter().collect();
        let exams = facts.exams.into_iter().collect();
        let (of_owners, of_tokens, of_shares) = Default::default();
        Self {
            site,
            admins,
            barred,
            logins,
            members,
            groups,
            named,
            shared,
            services,
            user_limits,
            group_limits,
            exams,
            none: Default::default(),
            of_owners,
            of_tokens,
            of_shares,
        }
    }

    /// Scopes of the site's own.
    #[must_use]
    pub fn custom(&self) -> &CustomScopes {
        &self.site.custom
    }

    /// Whether a user is kept out at that time: locked, expired, refused when it was looked last, or not who they were. Their
    /// sessions and tokens open nothing then.
    #[must_use]
    pub fn bars(&self, user: &Username, now_s: i64) -> bool {
        self.barred.get(user).is_some_and(|from_s| *from_s <= now_s)
    }

    /// Whom a text means that somebody wrote for a user: a name, or a login name. They need not exist.
    #[must_use]
    pub fn user_named(&self, text: &str) -> Option<Username> {
        if let Ok(name) = text.parse() {
            return Some(name);
        }
        let login: LoginName = text.parse().ok()?;
        Some(self.logins.get(&login).cloned().unwrap_or_else(|| login.id()))
    }

    /// The role of that name.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&Role> {
        self.site.roles.get(name)
    }

    /// Whether somebody administers the hub: by the database, or by the configuration.
    #[must_use]
    pub fn is_admin(&self, user: &Username) -> bool {
        self.admins.contains(user)
    }

    /// Everybody who administers the hub.
    #[must_use]
    pub fn admins(&self) -> &BTreeSet<Username> {
        &self.admins
    }

    /// All groups that have members, by name.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.members.keys()
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.site.roles.values()
    }

    /// The groups that somebody is in.
    #[must_use]
    pub fn groups_of(&self, user: &Username) -> &BTreeSet<GroupName> {
        self.groups.get(user).unwrap_or(&self.none.0)
    }

    /// Who is in a group; nobody where there is none of that name.
    #[must_use]
    pub fn members(&self, group: &GroupName) -> &BTreeSet<Username> {
        self.members.get(group).unwrap_or(&self.none.2)
    }

    /// The named servers of a user.
    #[must_use]
    pub fn named_servers(&self, user: &Username) -> &BTreeSet<ServerName> {
        self.named.get(user).unwrap_or(&self.none.1)
    }

    /// What an administrator has set for the servers of a user.
    #[must_use]
    pub fn limits_of_user(&self, user: &Username) -> Limits {
        self.user_limits.get(user).copied().unwrap_or_default()
    }

    /// What an administrator has set for the servers of the members of a group.
    #[must_use]
    pub fn limits_of_group(&self, group: &GroupName) -> Limits {
        self.group_limits.get(group).copied().unwrap_or_default()
    }

    /// The exams that have not been ended, by group. One that is over may still be among them.
    #[must_use]
    pub fn exams(&self) -> &BTreeMap<GroupName, Exam> {
        &self.exams
    }

    /// The exam that somebody sits at that time: of one of their groups, unless they look after it (`servers!group=…`).
    #[must_use]
    pub fn exam_of(&self, user: &Username, now_s: i64) -> Option<(&GroupName, &Exam)> {
        let sits = |group: &GroupName| {
            let looks_after = self.scopes_of_user(user).check(&Base::Servers, &Target::Group(group), self);
            self.is_member(user, group) && looks_after != Verdict::Held
        };
        self.exams.iter().find(|(group, exam)| exam.holds(now_s) && sits(group))
    }

    /// Which server a path below `/user/OWNER/` means: the named one that its first segment names, or the default one.
    #[must_use]
    pub fn server_at(&self, owner: &Username, first_segment: &str) -> ServerId {
        let named =
            self.named.get(owner).and_then(|names| names.iter().find(|name| name.as_str() == first_segment));
        ServerId { user: owner.clone(), server: named.cloned().unwrap_or_default() }
    }

    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.get(name)
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// The service that is the OAuth client of that identifier.
    #[must_use]
    pub fn service_of_client(&self, identifier: &str) -> Option<&Service> {
        self.services
            .values()
            .find(|service| service.client.as_ref().is_some_and(|client| client.identifier == identifier))
    }

    /// Who has a role by the configuration: users, groups, services.
    #[must_use]
    pub fn holders(&self, role: &RoleName) -> (Vec<&Username>, Vec<&GroupName>, Vec<&ServiceName>) {
        fn of<'m, K>(all: &'m HashMap<K, BTreeSet<RoleName>>, role: &RoleName) -> Vec<&'m K> {
            all.iter().filter(|(_, roles)| roles.contains(role)).map(|(holder, _)| holder).collect()
        }
        (of(&self.site.of_users, role), of(&self.site.of_groups, role), of(&self.site.of_services, role))
    }

    /// Roles of a user, by name; those of the user's groups are the groups'.
    #[must_use]
    pub fn roles_of_user(&self, user: &Username) -> BTreeSet<&str> {
        let more = self.site.of_users.get(user).into_iter().flatten().map(RoleName::as_str);
        more.chain(["user"]).chain(self.is_admin(user).then_some("admin")).collect()
    }

    /// Roles of a group, by name.
    #[must_use]
    pub fn roles_of_group(&self, group: &GroupName) -> BTreeSet<&str> {
        self.site.of_groups.get(group).into_iter().flatten().map(RoleName::as_str).collect()
    }

    /// Roles of a service, by name.
    #[must_use]
    pub fn roles_of_service(&self, service: &ServiceName) -> BTreeSet<&str> {
        let more = self.site.of_services.get(service).into_iter().flatten().map(RoleName::as_str);
        let admin = self.service(service).is_some_and(|service| service.admin);
        more.chain(admin.then_some("admin")).collect()
    }

    /// Scopes that somebody has by roles, theirs and their groups', not expanded.
    #[must_use]
    pub fn raw_scopes(&self, owner: &Owner) -> BTreeSet<Scope> {
        let mut roles = match owner {
            Owner::User(user) => self.roles_of_user(user),
            Owner::Service(service) => self.roles_of_service(service),
        };
        if let Owner::User(user) = owner {
            roles.extend(self.groups_of(user).iter().flat_map(|group| self.roles_of_group(group)));
        }
        roles.iter().flat_map(|role| self.site.scopes(role)).cloned().collect()
    }

    /// Everything that a user may do: by roles, by groups, and by what is shared with them.
    #[must_use]
    pub fn scopes_of_user(&self, user: &Username) -> Arc<ScopeSet> {
        self.scopes_of(&Owner::User(user.clone()))
    }

    /// Everything that a service may do.
    #[must_use]
    pub fn scopes_of_service(&self, service: &ServiceName) -> Arc<ScopeSet> {
        self.scopes_of(&Owner::Service(service.clone()))
    }

    /// Everything that the owner of tokens may do.
    #[must_use]
    pub fn scopes_of(&self, owner: &Owner) -> Arc<ScopeSet> {
        self.of_owners.get(owner, || {
            let mut raw: Vec<Scope> = self.raw_scopes(owner).into_iter().collect();
            if let Owner::User(user) = owner {
                raw.extend(self.shared_with(user));
            }
            expand(&raw, owner, None, &self.site.custom)
        })
    }

    /// What others share with somebody, or with a group of theirs.
    fn shared_with<'a>(&'a self, user: &'a Username) -> impl Iterator<Item = Scope> + 'a {
        let groups = self.groups_of(user).iter().cloned().map(With::Group);
        let by_share = groups.chain([With::User(user.clone())]);
        by_share.filter_map(|with| self.shared.get(&with)).flatten().cloned()
    }

    /// Whether a server is shared with somebody, so that they may use it.
    #[must_use]
    pub fn is_shared(&self, user: &Username, server: &ServerId) -> bool {
        let scopes = self.of_shares.get(user, || {
            let raw: Vec<Scope> = self.shared_with(user).collect();
            expand(&raw, &Owner::User(user.clone()), None, &self.site.custom)
        });
        scopes.check(&Base::AccessServers, &Target::Server(server), self) == Verdict::Held
    }

    /// What a token allows now: what it was made for, as far as its owner still has it.
    #[must_use]
    pub fn scopes_of_token(&self, token: &Token) -> Arc<ScopeSet> {
        self.of_tokens.get(&token.id, || {
            let client = token.issued_to.as_ref();
            let holder = Holder { owner: &token.owner, client, custom: &self.site.custom, groups: self };
            of_token(&token.scopes, &holder, &self.scopes_of(&token.owner))
        })
    }

    /// The tokens of the services: hash and token of each.
    pub(super) fn service_tokens(&self) -> Vec<Token> {
        self.services.values().map(Token::of_service).collect()
    }
}

#[cfg(test)]
mod tests;
