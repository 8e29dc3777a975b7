//! The administrators' table of users: searched, filtered, sorted and cut by the database, whatever the column. What the
//! database does not know (who runs a server, what it uses) comes with the question, as names.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use hubgate_protocol::Username;

use super::schema::users::dsl;
use super::user_list::Within;
use super::users::{Row, User, user};
use super::{Conn, json};
use crate::domain::entity::GroupName;

/// What the table is sorted by. Users without a value stand last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// By name.
    Name,
    /// By the name for people, Chinese by pinyin; by the name where there is none.
    DisplayName,
    /// By the first of their groups.
    Groups,
    /// By these values of users.
    Values(BTreeMap<Username, i64>),
    /// By last use.
    Activity,
    /// By last login.
    Login,
    /// By the word of their standing, then by the day on which they stop being users.
    Standing,
}

/// A question for a page of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whom the asker may list.
    pub within: Within,
    /// Part of the name, the login name, or any spelling of the name for people; empty for all.
    pub text: String,
    /// Only members of this group.
    pub group: Option<GroupName>,
    /// Only these.
    pub among: Option<BTreeSet<Username>>,
    /// None of these.
    pub except: Option<BTreeSet<Username>>,
    /// Last use at that time or later, microseconds since 1970.
    pub active_since_us: Option<i64>,
    /// Last use before that time, or never.
    pub idle_since_us: Option<i64>,
    /// Last login at that time or later, seconds since 1970.
    pub login_since_s: Option<i64>,
    /// Last login before that time, or never.
    pub login_before_s: Option<i64>,
    /// Only of this standing: one of [`STANDINGS`].
    pub standing: Option<&'static str>,
    /// Now, seconds since 1970.
    pub now_s: i64,
    /// Order.
    pub order: Order,
    /// The other way round.
    pub descending: bool,
    /// How many are passed over.
    pub offset: i64,
    /// Most users of the page.
    pub limit: i64,
}

/// One page of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The users of the page.
    pub users: Vec<User>,
    /// How many there are on all pages.
    pub total: i64,
}

/// Words of a standing: locked out by an administrator, kept out by a rule, past their day, with a day to come, neither.
pub const STANDINGS: [&str; 5] = ["disabled", "refused", "expired", "expiring", "good"];

/// The word of a row; `?12` is now.
const STANDING: &str = "CASE WHEN users.disabled THEN 'disabled' WHEN users.refused IS NOT NULL THEN 'refused' \
    WHEN users.expires_s <= ?12 THEN 'expired' WHEN users.expires_s IS NOT NULL THEN 'expiring' ELSE 'good' END";

/// Users who meet all conditions; one whose value is not given does not count. Only what the order needs is joined: `live`,
/// which has the values of `?13`, and spellings.
fn statement(join: &str, order: &str) -> String {
    format!(
        "WITH live (name, value) AS MATERIALIZED (SELECT key, value FROM json_each(?13)) \
         SELECT users.id AS number FROM users {join} \
         WHERE (?1 IS NULL OR users.name IN (SELECT value FROM json_each(?1)) \
           OR users.id IN (SELECT m.user_id FROM group_members m JOIN groups g ON g.id = m.group_id \
                           WHERE g.name IN (SELECT value FROM json_each(?2)))) \
         AND (?3 IS NULL OR instr(users.name, ?3) > 0 OR instr(users.login, ?3) > 0 \
           OR users.id IN (SELECT user_id FROM spellings WHERE instr(spelled, ?3) > 0)) \
         AND (?4 IS NULL OR users.id IN (SELECT m.user_id FROM group_members m JOIN groups g ON g.id = m.group_id \
                                         WHERE g.name = ?4)) \
         AND (?5 IS NULL OR users.name IN (SELECT value FROM json_each(?5))) \
         AND (?6 IS NULL OR users.name NOT IN (SELECT value FROM json_each(?6))) \
         AND (?7 IS NULL OR users.last_activity_us >= ?7) \
         AND (?8 IS NULL OR users.last_activity_us IS NULL OR users.last_activity_us < ?8) \
         AND (?9 IS NULL OR users.last_login_s >= ?9) \
         AND (?10 IS NULL OR users.last_login_s IS NULL OR users.last_login_s < ?10) \
         AND (?11 IS NULL OR {STANDING} = ?11) \
         ORDER BY {order} LIMIT ?14 OFFSET ?15"
    )
}

/// What is joined to the users, and the order.
fn order(question: &Question) -> (&'static str, String) {
    let way = if question.descending { "DESC" } else { "ASC" };
    let (join, column) = match &question.order {
        Order::Name => return ("", format!("users.name {way}")),
        Order::Standing => {
            return ("", format!("{STANDING} {way}, users.expires_s {way}, users.name {way}"));
        }
        Order::DisplayName => {
            ("LEFT JOIN spellings ON spellings.user_id = users.id", "coalesce(spellings.spelled, users.name)")
        }
        Order::Groups => (
            "",
            "(SELECT min(g.name) FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = users.id)",
        ),
        Order::Values(_) => ("LEFT JOIN live ON live.name = users.name", "live.value"),
        Order::Activity => ("", "users.last_activity_us"),
        Order::Login => ("", "users.last_login_s"),
    };
    (join, format!("{column} {way} NULLS LAST, users.name {way}"))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The page, and how many users there are on all pages.
///
/// # Errors
/// When the database fails.
pub fn page(c: &mut Conn, question: &Question) -> QueryResult<People> {
    let (join, order) = order(question);
    let rows = run(c, &statement(join, &order), question, (question.limit, question.offset))?;
    let counted = format!("SELECT count(*) AS number FROM ({})", statement("", "NULL"));
    let total = run(c, &counted, question, (-1, 0))?.first().map_or(0, |found| found.number);
    let ids: Vec<i64> = rows.iter().map(|found| found.number).collect();
    let rows = dsl::users.filter(dsl::id.eq_any(&ids)).select(Row::as_select()).load::<Row>(c)?;
    let mut users = rows.into_iter().map(user).collect::<QueryResult<Vec<_>>>()?;
    users.sort_by_key(|user| ids.iter().position(|id| *id == user.id));
    Ok(People { users, total })
}

/// Binds the question to a [`statement`]; `cut` is limit, -1 for none, and offset.
fn run(c: &mut Conn, statement: &str, question: &Question, cut: (i64, i64)) -> QueryResult<Vec<Found>> {
    let (users, groups) = match &question.within {
        Within::All => (None, None),
        Within::Only { users, groups } => (Some(json::list(users)?), Some(json::list(groups)?)),
    };
    let text = question.text.trim().to_lowercase();
    let values = match &question.order {
        Order::Values(values) => json::pairs(values)?,
        _ => "{}".to_owned(),
    };
    sql_query(statement)
        .bind::<Nullable<Text>, _>(users)
        .bind::<Nullable<Text>, _>(groups)
        .bind::<Nullable<Text>, _>(Some(text).filter(|text| !text.is_empty()))
        .bind::<Nullable<Text>, _>(question.group.as_ref().map(ToString::to_string))
        .bind::<Nullable<Text>, _>(question.among.as_ref().map(json::list).transpose()?)
        .bind::<Nullable<Text>, _>(question.except.as_ref().map(json::list).transpose()?)
        .bind::<Nullable<BigInt>, _>(question.active_since_us)
        .bind::<Nullable<BigInt>, _>(question.idle_since_us)
        .bind::<Nullable<BigInt>, _>(question.login_since_s)
        .bind::<Nullable<BigInt>, _>(question.login_before_s)
        .bind::<Nullable<Text>, _>(question.standing)
        .bind::<BigInt, _>(question.now_s)
        .bind::<Text, _>(values)
        .bind::<BigInt, _>(cut.0)
        .bind::<BigInt, _>(cut.1)
        .load(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::spelling::spelled;
    use crate::store::{NewUser, Standing, Store, groups, users};

    fn question() -> Question {
        Question {
            within: Within::All,
            text: String::new(),
            group: None,
            among: None,
            except: None,
            active_since_us: None,
            idle_since_us: None,
            login_since_s: None,
            login_before_s: None,
            standing: None,
            now_s: 1_000,
            order: Order::Name,
            descending: false,
            offset: 0,
            limit: 50,
        }
    }

    /// Ada, Zhang Wei and Li Lei, of whom the last is in a group and has gone on day 500.
    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("hub.sqlite")).unwrap();
        let people = [
            ("ada", Some("Ada L."), None),
            ("zhangw", Some("张伟"), None),
            ("lil", Some("李雷"), Some(500)),
            ("bob", None, Some(2_000)),
        ];
        store
            .write(|c| {
                for (name, display_name, expires_s) in people {
                    let standing = Standing {
                        display_name: display_name.map(str::to_owned),
                        expires_s,
                        ..Standing::default()
                    };
                    let name = name.parse().unwrap();
                    users::insert(
                        c,
                        &NewUser { name, admin: false, password_hash: None, created_s: 0, standing },
                    )?;
                }
                let id = groups::insert(c, &"g1".parse().unwrap(), &super::super::Object::new())?;
                groups::add_members(c, id, &[3])
            })
            .unwrap();
        (dir, store)
    }

    fn names(store: &Store, question: &Question) -> Vec<String> {
        let found = store.read(|c| page(c, question)).unwrap();
        assert_eq!(found.total, i64::try_from(found.users.len()).unwrap());
        found.users.iter().map(|user| user.name.to_string()).collect()
    }

    #[test]
    fn people_are_found_by_name_and_by_every_spelling_of_the_name_for_people() {
        let (_dir, store) = store();
        for (text, expected) in [
            ("", &["ada", "bob", "lil", "zhangw"][..]),
            ("Zhang Wei", &["zhangw"]),
            ("zw", &["zhangw"]),
            ("伟", &["zhangw"]),
            ("ADA l", &["ada"]),
            ("%", &[]),
            ("'); DROP TABLE users; --", &[]),
        ] {
            assert_eq!(names(&store, &Question { text: text.to_owned(), ..question() }), expected, "{text}");
        }
    }

    #[test]
    fn every_column_sorts_both_ways_and_those_without_a_value_stand_last() {
        let (_dir, store) = store();
        let values = [("bob".parse().unwrap(), 5), ("lil".parse().unwrap(), 9)];
        for (order, up, down) in [
            (Order::Name, "ada bob lil zhangw", "zhangw lil bob ada"),
            (Order::DisplayName, "ada bob lil zhangw", "zhangw lil bob ada"),
            (Order::Values(values.into()), "bob lil ada zhangw", "lil bob zhangw ada"),
            (Order::Groups, "lil ada bob zhangw", "lil zhangw bob ada"),
            (Order::Standing, "lil bob ada zhangw", "zhangw ada bob lil"),
            (Order::Login, "ada bob lil zhangw", "zhangw lil bob ada"),
            (Order::Activity, "ada bob lil zhangw", "zhangw lil bob ada"),
        ] {
            let asked = Question { order, ..question() };
            assert_eq!(names(&store, &asked).join(" "), up, "{:?}", asked.order);
            assert_eq!(names(&store, &Question { descending: true, ..asked }).join(" "), down);
        }
    }

    #[test]
    fn filters_hold_together_and_nobody_outside_is_shown() {
        let (_dir, store) = store();
        let group = Some("g1".parse().unwrap());
        assert_eq!(names(&store, &Question { group, ..question() }), ["lil"]);
        for (standing, expected) in
            [("expired", "lil"), ("expiring", "bob"), ("good", "ada zhangw"), ("disabled", "")]
        {
            assert_eq!(
                names(&store, &Question { standing: Some(standing), ..question() }).join(" "),
                expected
            );
        }
        let one = BTreeSet::from(["ada".parse().unwrap()]);
        assert_eq!(names(&store, &Question { among: Some(one.clone()), ..question() }), ["ada"]);
        assert_eq!(names(&store, &Question { except: Some(one), ..question() }).len(), 3);
        let within = Within::Only { users: BTreeSet::new(), groups: BTreeSet::from(["g1".parse().unwrap()]) };
        let asked = Question { within, ..question() };
        assert_eq!(names(&store, &asked), ["lil"]);
        assert!(names(&store, &Question { text: "ada".to_owned(), ..asked }).is_empty());
    }

    #[test]
    fn spellings_of_an_older_release_are_filled_in() {
        use crate::store::spellings;
        let (_dir, store) = store();
        store.write(|c| sql_query("DELETE FROM spellings").execute(c)).unwrap();
        assert!(names(&store, &Question { text: "zw".to_owned(), ..question() }).is_empty());
        assert_eq!(store.write(spellings::fill).unwrap(), 3);
        assert_eq!(store.write(spellings::fill).unwrap(), 0);
        assert_eq!(names(&store, &Question { text: spelled("张伟"), ..question() }), ["zhangw"]);
    }
}
