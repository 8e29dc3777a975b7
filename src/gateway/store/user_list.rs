//! Pages of users: filtered, sorted and cut by the database, so that a page costs the same among fifty thousand.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::users::{Row, User, user};
use super::{Conn, json};
use crate::domain::entity::GroupName;

/// Whom somebody may list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// Everybody.
    All,
    /// These users, and the members of these groups.
    Only {
        /// By name.
        users: BTreeSet<Username>,
        /// By name of the group.
        groups: BTreeSet<GroupName>,
    },
}

/// What the page is sorted by. Users of whom it is not known come first, or last where the order is turned round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By the order in which they were made.
    Id,
    /// By name.
    Name,
    /// By last use.
    LastActivity,
}

/// A question for a page of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// Whom the asker may list.
    pub within: Within,
    /// Part of the name; `%` and `_` stand for any text and any character, as JupyterHub has it.
    pub name_filter: Option<String>,
    /// Only these.
    pub among: Option<BTreeSet<Username>>,
    /// None of these.
    pub except: Option<BTreeSet<Username>>,
    /// Order.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
    /// How many are passed over.
    pub offset: i64,
    /// Most users of the page.
    pub limit: i64,
}

type Filter = Box<dyn BoxableExpression<dsl::users, <Conn as Connection>::Backend, SqlType = Bool>>;

/// `users.name` among the names of a JSON list, which is one value however long it is.
const LISTED: &str = "users.name IN (SELECT value FROM json_each(";

fn filters(query: &UserQuery) -> QueryResult<Vec<Filter>> {
    let mut filters: Vec<Filter> = Vec::new();
    if let Within::Only { users, groups } = &query.within {
        let (users, groups) = (json::list(users)?, json::list(groups)?);
        let members = ")) OR users.id IN (SELECT m.user_id FROM group_members m JOIN groups g ON g.id = m.group_id \
                       WHERE g.name IN (SELECT value FROM json_each(";
        let within = sql::<Bool>(&format!("({LISTED}")).bind::<Text, _>(users).sql(members);
        filters.push(Box::new(within.bind::<Text, _>(groups).sql("))))")));
    }
    if let Some(part) = &query.name_filter {
        let like =
            sql::<Bool>("lower(users.name) LIKE ").bind::<Text, _>(format!("%{}%", part.to_lowercase()));
        filters.push(Box::new(like.sql("")));
    }
    if let Some(among) = &query.among {
        filters.push(Box::new(sql::<Bool>(LISTED).bind::<Text, _>(json::list(among)?).sql("))")));
    }
    if let Some(except) = &query.except {
        let listed = sql::<Bool>(&format!("NOT {LISTED}")).bind::<Text, _>(json::list(except)?);
        filters.push(Box::new(listed.sql("))")));
    }
    Ok(filters)
}

/// The page, and how many users there are on all pages.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Conn, query: &UserQuery) -> QueryResult<(Vec<User>, i64)> {
    let mut all = dsl::users.into_boxed();
    for filter in filters(query)? {
        all = all.filter(filter);
    }
    let total = all.count().get_result(c)?;
    let mut page = dsl::users.select(Row::as_select()).into_boxed();
    for filter in filters(query)? {
        page = page.filter(filter);
    }
    let column = match query.sort {
        Sort::Id => "users.id",
        Sort::Name => "users.name",
        Sort::LastActivity => "users.last_activity_us",
    };
    // Those without a value come first and last, as at JupyterHub; so the index of the column is of use.
    let order = if query.descending {
        format!("{column} DESC NULLS LAST")
    } else {
        format!("{column} ASC NULLS FIRST")
    };
    let rows = page.order(sql::<Bool>(&order)).offset(query.offset).limit(query.limit).load::<Row>(c)?;
    Ok((rows.into_iter().map(user).collect::<QueryResult<_>>()?, total))
}
