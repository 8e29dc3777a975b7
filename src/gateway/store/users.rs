//! Who may log in.

use diesel::prelude::*;
use diesel::result::Error;
use hubgate_protocol::{LoginName, NameError, Username};

use super::schema::users::dsl;
use super::{Conn, json, oauth, revision, spellings, standing};

/// Whether and as whom a user may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What they type where it is not their name.
    pub login: Option<LoginName>,
    /// What people call them.
    pub display_name: Option<String>,
    /// An administrator has locked them out.
    pub disabled: bool,
    /// When they stop being users, seconds since 1970.
    pub expires_s: Option<i64>,
    /// The password here must be changed at the next login.
    pub must_change: bool,
    /// Last change of the password here, seconds since 1970.
    pub password_changed_s: Option<i64>,
    /// Groups that an identity provider named at the last login.
    pub claimed_groups: Vec<String>,
    /// The rule that kept them out when it was looked last whether they may stay.
    pub refused: Option<String>,
}

/// A user of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never used twice.
    pub id: i64,
    /// The name.
    pub name: Username,
    /// Administrator by the database; `admin_users` of the configuration comes on top.
    pub admin: bool,
    /// argon2id in PHC form; `None` where PAM checks the password.
    pub password_hash: Option<String>,
    /// First seen, seconds since 1970.
    pub created_s: i64,
    /// Last login, seconds since 1970.
    pub last_login_s: Option<i64>,
    /// Last use of anything by this user, microseconds since 1970.
    pub last_activity_us: Option<i64>,
    /// Whether and as whom they may come in.
    pub standing: Standing,
}

/// A user to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name.
    pub name: Username,
    /// Administrator of the hub.
    pub admin: bool,
    /// argon2id in PHC form.
    pub password_hash: Option<String>,
    /// Now, seconds since 1970.
    pub created_s: i64,
    /// Whether and as whom they may come in. `claimed_groups` and `refused` are not for new users.
    pub standing: Standing,
}

/// A login that is to be noted.
#[derive(Debug, Clone)]
pub struct Login<'a> {
    /// Who it is.
    pub user: &'a Username,
    /// What they typed, or what the provider calls them.
    pub login: &'a LoginName,
    /// What the provider says that people call them.
    pub display_name: Option<&'a str>,
    /// Groups that the provider names.
    pub claimed_groups: &'a [String],
    /// The spawner's ticket.
    pub ticket: Option<&'a str>,
    /// Now, seconds since 1970.
    pub now_s: i64,
}

/// A row as the database has it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = super::schema::users)]
pub(super) struct Row {
    id: i64,
    name: String,
    admin: bool,
    password_hash: Option<String>,
    created_s: i64,
    last_login_s: Option<i64>,
    last_activity_us: Option<i64>,
    login: Option<String>,
    display_name: Option<String>,
    disabled: bool,
    expires_s: Option<i64>,
    must_change: bool,
    password_changed_s: Option<i64>,
    claimed_groups: String,
    refused: Option<String>,
}

pub(super) fn user(row: Row) -> QueryResult<User> {
    let broken = |error: NameError| Error::DeserializationError(Box::new(error));
    let standing = Standing {
        login: row.login.map(|login| login.parse().map_err(broken)).transpose()?,
        display_name: row.display_name,
        disabled: row.disabled,
        expires_s: row.expires_s,
        must_change: row.must_change,
        password_changed_s: row.password_changed_s,
        claimed_groups: json::texts(&row.claimed_groups)?,
        refused: row.refused,
    };
    Ok(User {
        id: row.id,
        name: username(&row.name)?,
        admin: row.admin,
        password_hash: row.password_hash,
        created_s: row.created_s,
        last_login_s: row.last_login_s,
        last_activity_us: row.last_activity_us,
        standing,
    })
}

/// A name as it was stored.
pub(super) fn username(stored: &str) -> QueryResult<Username> {
    stored.parse().map_err(|error| Error::DeserializationError(Box::new(error)))
}

/// The user of that name.
///
/// # Errors
/// When the database fails; an absent user is `None`.
pub fn by_name(c: &mut Conn, name: &Username) -> QueryResult<Option<User>> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str())).select(Row::as_select());
    row.first::<Row>(c).optional()?.map(user).transpose()
}

/// Row of the user of that name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn id_of(c: &mut Conn, name: &Username) -> QueryResult<i64> {
    dsl::users.filter(dsl::name.eq(name.as_str())).select(dsl::id).first(c)
}

/// Adds one user; its id.
///
/// # Errors
/// A unique violation where the name is taken.
pub fn insert(c: &mut Conn, new: &NewUser) -> QueryResult<i64> {
    let id = revision::advance(c, "user_id", 1)?;
    insert_row(c, id, new)?;
    bump(c)?;
    Ok(id)
}

/// Adds many users; how many.
///
/// # Errors
/// A unique violation where a name is taken; the caller's transaction undoes the rest.
pub fn insert_many(c: &mut Conn, new: &[NewUser]) -> QueryResult<usize> {
    let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let last = revision::advance(c, "user_id", count)?;
    for (id, user) in (last - count + 1..=last).zip(new) {
        insert_row(c, id, user)?;
    }
    bump(c)?;
    Ok(new.len())
}

/// Counts a change of who there is.
pub(super) fn bump(c: &mut Conn) -> QueryResult<()> {
    revision::bump_rights(c)?;
    revision::bump_directory(c)
}

fn insert_row(c: &mut Conn, id: i64, new: &NewUser) -> QueryResult<()> {
    standing::free(c, new.name.as_str(), None)?;
    let standing = &new.standing;
    let login = standing.login.as_ref().filter(|login| login.as_str() != new.name.as_str());
    if let Some(login) = login {
        standing::free(c, login.as_str(), None)?;
    }
    let values = (
        dsl::id.eq(id),
        dsl::name.eq(new.name.as_str()),
        dsl::admin.eq(new.admin),
        dsl::password_hash.eq(new.password_hash.as_deref()),
        dsl::created_s.eq(new.created_s),
        dsl::login.eq(login.map(LoginName::as_str)),
        dsl::display_name.eq(standing.display_name.as_deref()),
        dsl::disabled.eq(standing.disabled),
        dsl::expires_s.eq(standing.expires_s),
        dsl::must_change.eq(standing.must_change),
        dsl::password_changed_s.eq(standing.password_changed_s),
    );
    diesel::insert_into(dsl::users).values(values).execute(c)?;
    spellings::note(c, id, standing.display_name.as_deref())
}

/// Notes a login; makes the user where there is none yet, as at the first login by PAM. Whoever was kept out before is not
/// any more.
///
/// # Errors
/// When the database fails. [`Error::NotFound`] for a login name whose user is somebody else's already.
pub fn note_login(c: &mut Conn, login: &Login<'_>) -> QueryResult<User> {
    let known = by_name(c, login.user)?;
    let derived = Some(login.login).filter(|name| name.id() == *login.user);
    if let Some(known) = &known {
        standing::adopt_login(c, known, derived)?;
    } else {
        let standing = Standing { login: derived.cloned(), ..Standing::default() };
        let (name, created_s) = (login.user.clone(), login.now_s);
        insert(c, &NewUser { name, admin: false, password_hash: None, created_s, standing })?;
    }
    let row = dsl::users.filter(dsl::name.eq(login.user.as_str()));
    let now_us = login.now_s.saturating_mul(1_000_000);
    let times = (dsl::last_login_s.eq(login.now_s), dsl::last_activity_us.eq(now_us));
    let claimed = dsl::claimed_groups.eq(json::list(login.claimed_groups)?);
    let told = login.display_name.map(|name| dsl::display_name.eq(name));
    let none = dsl::refused.eq(None::<&str>);
    diesel::update(row).set((times, dsl::ticket.eq(login.ticket), claimed, none, told)).execute(c)?;
    if login.display_name.is_some() {
        let id = row.select(dsl::id).first(c)?;
        spellings::note(c, id, login.display_name)?;
    }
    let before = known.map(|known| known.standing).unwrap_or_default();
    if before.refused.is_some() || before.claimed_groups != login.claimed_groups {
        bump(c)?;
    }
    row.select(Row::as_select()).first::<Row>(c).and_then(user)
}

/// Makes somebody an administrator, or no longer one.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn set_admin(c: &mut Conn, name: &Username, admin: bool) -> QueryResult<()> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str()));
    let now: bool = row.select(dsl::admin).first(c)?;
    if now != admin {
        diesel::update(row).set(dsl::admin.eq(admin)).execute(c)?;
        bump(c)?;
    }
    Ok(())
}

/// The spawner's ticket of the user's last login.
///
/// # Errors
/// When the database fails; a user who is absent or came without a ticket has `None`.
pub fn ticket(c: &mut Conn, name: &Username) -> QueryResult<Option<String>> {
    let row = dsl::users.filter(dsl::name.eq(name.as_str())).select(dsl::ticket);
    Ok(row.first::<Option<String>>(c).optional()?.flatten())
}

/// Gives a user another name. Sessions and tokens stay; OAuth clients of the user's servers, whose names hold the old
/// one, end with the tokens that were issued to them.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user; a unique violation where the new name is taken.
pub fn rename(c: &mut Conn, name: &Username, new: &Username) -> QueryResult<()> {
    let id = id_of(c, name)?;
    standing::free(c, new.as_str(), Some(id))?;
    oauth::delete_clients_of(c, id)?;
    diesel::update(dsl::users.filter(dsl::id.eq(id))).set(dsl::name.eq(new.as_str())).execute(c)?;
    bump(c)
}

/// Notes when users last did something; never moves a time back.
///
/// # Errors
/// When the database fails. Users who are not there are passed over.
pub fn touch(c: &mut Conn, seen: &[(Username, i64)]) -> QueryResult<()> {
    for (name, at_us) in seen {
        let older = dsl::last_activity_us.is_null().or(dsl::last_activity_us.lt(*at_us));
        let row = dsl::users.filter(dsl::name.eq(name.as_str())).filter(older);
        diesel::update(row).set(dsl::last_activity_us.eq(at_us)).execute(c)?;
    }
    Ok(())
}

/// Removes a user together with everything that is theirs: sessions, tokens, servers, memberships, shares. Whether there
/// was one.
///
/// # Errors
/// When the database fails.
pub fn delete(c: &mut Conn, name: &Username) -> QueryResult<bool> {
    let Some(id) = id_of(c, name).optional()? else { return Ok(false) };
    oauth::delete_clients_of(c, id)?;
    diesel::delete(dsl::users.filter(dsl::id.eq(id))).execute(c)?;
    bump(c)?;
    Ok(true)
}

/// Users by name, at most `limit`, those behind `after`.
///
/// # Errors
/// When the database fails.
pub fn page(c: &mut Conn, after: Option<&Username>, limit: i64) -> QueryResult<Vec<User>> {
    let after = after.map_or("", Username::as_str);
    let rows: Vec<Row> = dsl::users
        .filter(dsl::name.gt(after))
        .order(dsl::name.asc())
        .limit(limit)
        .select(Row::as_select())
        .load(c)?;
    rows.into_iter().map(user).collect()
}

/// The users of these names who exist.
///
/// # Errors
/// When the database fails.
pub fn by_names(c: &mut Conn, names: &[Username]) -> QueryResult<Vec<User>> {
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.extend(by_name(c, name)?);
    }
    Ok(found)
}

/// Names of the administrators by the database.
///
/// # Errors
/// When the database fails.
pub fn admins(c: &mut Conn) -> QueryResult<Vec<Username>> {
    let names: Vec<String> = dsl::users.filter(dsl::admin.eq(true)).select(dsl::name).load(c)?;
    names.iter().map(|name| username(name)).collect()
}

/// How many users did something after `since_us`, microseconds since 1970.
///
/// # Errors
/// When the database fails.
pub fn active_since(c: &mut Conn, since_us: i64) -> QueryResult<i64> {
    dsl::users.filter(dsl::last_activity_us.gt(since_us)).count().get_result(c)
}

/// How many users there are.
///
/// # Errors
/// When the database fails.
pub fn count(c: &mut Conn) -> QueryResult<i64> {
    dsl::users.count().get_result(c)
}
