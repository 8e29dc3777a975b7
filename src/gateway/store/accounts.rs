//! The host's accounts behind users: which one it was, and what was seen of it last.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use hubgate_protocol::Username;

use super::schema::accounts::dsl;
use super::users::{bump, id_of, username};
use super::{Conn, json, sessions, tokens};
use crate::domain::account::Account;

/// An account with what people decided about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// As it was seen last.
    pub account: Account,
    /// Another account of that name has come since: nobody gets in until an administrator says so.
    pub estranged: bool,
}

/// A row as the database has it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = super::schema::accounts)]
struct Row {
    uid: Option<i64>,
    created_s: Option<i64>,
    password_changed_day: Option<i64>,
    estranged: bool,
    groups: String,
    locked: bool,
}

/// The account behind a user, by the user's row.
///
/// # Errors
/// When the database fails; a user who has never come by the host is `None`.
pub fn of_user(c: &mut Conn, user_id: i64) -> QueryResult<Option<Known>> {
    let row = dsl::accounts.find(user_id).select(Row::as_select()).first::<Row>(c).optional()?;
    let known = |row: Row| {
        let Row { uid, created_s, password_changed_day, estranged, groups, locked } = row;
        let groups = json::texts(&groups)?;
        let uid = uid.and_then(|uid| u32::try_from(uid).ok());
        Ok(Known { account: Account { uid, created_s, password_changed_day, groups, locked }, estranged })
    };
    row.map(known).transpose()
}

/// Notes what was seen of the account behind a user. After a change of its password the user's sessions end; whether there
/// were any.
///
/// # Errors
/// When the database fails. [`Error::NotFound`] where it is another account than before: nothing is noted of that one.
pub fn see(c: &mut Conn, user_id: i64, now: &Account) -> QueryResult<bool> {
    let before = of_user(c, user_id)?;
    let known = before.clone().unwrap_or_default();
    if known.estranged || known.account.was_replaced_by(now) {
        return Err(Error::NotFound);
    }
    let new_password = known.account.has_new_password(now);
    let ended = new_password && sessions::delete_of_user(c, user_id)? > 0;
    let day = now.password_changed_day.or(known.account.password_changed_day);
    let values = (
        dsl::uid.eq(now.uid.or(known.account.uid).map(i64::from)),
        dsl::created_s.eq(now.created_s.or(known.account.created_s)),
        dsl::password_changed_day.eq(day),
        dsl::groups.eq(json::list(&now.groups)?),
        dsl::locked.eq(now.locked),
    );
    if before.is_some() {
        diesel::update(dsl::accounts.find(user_id)).set(values).execute(c)?;
    } else {
        diesel::insert_into(dsl::accounts).values((dsl::user_id.eq(user_id), values)).execute(c)?;
    }
    if known.account.groups != now.groups {
        bump(c)?;
    }
    Ok(ended)
}

/// Notes that another account has taken a user's name. Their sessions end.
///
/// # Errors
/// When the database fails.
pub fn estrange(c: &mut Conn, user_id: i64) -> QueryResult<()> {
    diesel::update(dsl::accounts.find(user_id)).set(dsl::estranged.eq(true)).execute(c)?;
    sessions::delete_of_user(c, user_id)?;
    bump(c)
}

/// Forgets the account behind a user, so that the next login is by whatever account has the name then. What the old
/// account's owner was given ends: sessions and tokens. Whether another account had taken the name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such user.
pub fn confirm(c: &mut Conn, name: &Username) -> QueryResult<bool> {
    let id = id_of(c, name)?;
    if !of_user(c, id)?.is_some_and(|known| known.estranged) {
        return Ok(false);
    }
    diesel::delete(dsl::accounts.find(id)).execute(c)?;
    sessions::delete_of_user(c, id)?;
    tokens::delete_of_user(c, id)?;
    bump(c)?;
    Ok(true)
}

/// Users who are in one of these groups, by what the host or the identity provider said of them last.
///
/// # Errors
/// When the database fails.
pub fn in_groups(c: &mut Conn, groups: &[String]) -> QueryResult<BTreeSet<Username>> {
    if groups.is_empty() {
        return Ok(BTreeSet::new());
    }
    let wanted = json::list(groups)?;
    let names = sql::<Text>(
        "SELECT u.name FROM users u LEFT JOIN accounts a ON a.user_id = u.id WHERE EXISTS (SELECT 1 FROM \
         (SELECT value FROM json_each(u.claimed_groups) UNION ALL SELECT value FROM json_each(coalesce(a.groups, '[]'))) h \
         WHERE h.value IN (SELECT value FROM json_each(",
    );
    let names: Vec<String> = names.bind::<Text, _>(wanted).sql(")))").load(c)?;
    names.iter().map(|name| username(name)).collect()
}
