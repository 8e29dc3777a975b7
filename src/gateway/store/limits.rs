//! What users and groups have of their own: limits, and exams.

use diesel::prelude::*;
use hubgate_protocol::Username;

use super::schema::{exams, group_limits, groups, user_limits, users};
use super::users::username;
use super::{Conn, json, revision};
use crate::domain::entity::GroupName;
use crate::domain::exam::Exam;
use crate::domain::limits::Limits;

/// Memory, guarantee, CPU in percent, CPU weight, tasks, weight of input and output, disk.
type Row = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn limits((memory, guarantee, cpu_percent, cpu_weight, tasks, io_weight, disk): Row) -> Limits {
    let small = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let large = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    Limits {
        memory: large(memory),
        memory_guarantee: large(guarantee),
        cpu_percent: small(cpu_percent),
        cpu_weight: small(cpu_weight),
        tasks: large(tasks),
        io_weight: small(io_weight),
        disk: large(disk),
    }
}

fn row(limits: &Limits) -> Row {
    let large = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
    (
        large(limits.memory),
        large(limits.memory_guarantee),
        limits.cpu_percent.map(i64::from),
        limits.cpu_weight.map(i64::from),
        large(limits.tasks),
        limits.io_weight.map(i64::from),
        large(limits.disk),
    )
}

/// Makes the two functions of one table.
macro_rules! table {
    ($table:ident, $key:ident, $owners:ident, $all:ident, $set:ident, $name:ty, $read:expr) => {
        /// The limits of all who have some.
        ///
        /// # Errors
        /// When the database fails.
        pub fn $all(c: &mut Conn) -> QueryResult<Vec<($name, Limits)>> {
            use $table::dsl;
            let columns = (
                dsl::memory,
                dsl::memory_guarantee,
                dsl::cpu_percent,
                dsl::cpu_weight,
                dsl::tasks,
                dsl::io_weight,
                dsl::disk,
            );
            let rows: Vec<(String, Row)> =
                dsl::$table.inner_join($owners::table).select(($owners::name, columns)).load(c)?;
            rows.into_iter().map(|(name, row)| Ok(($read(&name)?, limits(row)))).collect()
        }

        /// Replaces the limits of that row; without any of them the entry goes.
        ///
        /// # Errors
        /// When the database fails; [`diesel::result::Error::NotFound`] where nobody has that name.
        pub fn $set(c: &mut Conn, name: &$name, limits: &Limits) -> QueryResult<()> {
            use $table::dsl;
            let id: i64 =
                $owners::table.filter($owners::name.eq(name.as_str())).select($owners::id).first(c)?;
            diesel::delete(dsl::$table.filter(dsl::$key.eq(id))).execute(c)?;
            if *limits != Limits::default() {
                let (memory, guarantee, cpu_percent, cpu_weight, tasks, io_weight, disk) = row(limits);
                let values = (
                    dsl::$key.eq(id),
                    dsl::memory.eq(memory),
                    dsl::memory_guarantee.eq(guarantee),
                    dsl::cpu_percent.eq(cpu_percent),
                    dsl::cpu_weight.eq(cpu_weight),
                    dsl::tasks.eq(tasks),
                    dsl::io_weight.eq(io_weight),
                    dsl::disk.eq(disk),
                );
                diesel::insert_into(dsl::$table).values(values).execute(c)?;
            }
            revision::bump_directory(c)
        }
    };
}
table!(user_limits, user_id, users, of_users, set_of_user, Username, username);
table!(group_limits, group_id, groups, of_groups, set_of_group, GroupName, json::parsed::<GroupName>);

type ExamRow = (String, String, bool, bool, i64, i64);

/// All exams, also those that are over and not removed yet.
///
/// # Errors
/// When the database fails.
pub fn all_exams(c: &mut Conn) -> QueryResult<Vec<(GroupName, Exam)>> {
    use exams::dsl;
    let columns = (groups::name, dsl::profile, dsl::offline, dsl::no_terminals, dsl::begun_us, dsl::until_s);
    let rows: Vec<ExamRow> = dsl::exams.inner_join(groups::table).select(columns).load(c)?;
    let exam = |(group, profile, offline, no_terminals, begun_us, until_s): ExamRow| {
        Ok((json::parsed(&group)?, Exam { profile, offline, no_terminals, begun_us, until_s }))
    };
    rows.into_iter().map(exam).collect()
}

/// Begins an exam of a group, in the place of one that there is.
///
/// # Errors
/// When the database fails; [`diesel::result::Error::NotFound`] where there is no such group.
pub fn set_exam(c: &mut Conn, group: &GroupName, exam: &Exam) -> QueryResult<()> {
    use exams::dsl;
    let id = super::groups::id_of(c, group)?;
    diesel::delete(dsl::exams.filter(dsl::group_id.eq(id))).execute(c)?;
    let values = (
        dsl::group_id.eq(id),
        dsl::profile.eq(&exam.profile),
        dsl::offline.eq(exam.offline),
        dsl::no_terminals.eq(exam.no_terminals),
        dsl::begun_us.eq(exam.begun_us),
        dsl::until_s.eq(exam.until_s),
    );
    diesel::insert_into(dsl::exams).values(values).execute(c)?;
    revision::bump_directory(c)
}

/// Ends an exam at that time, if it is under way; whether it was.
///
/// # Errors
/// When the database fails.
pub fn cut_exam(c: &mut Conn, group: &GroupName, now_s: i64) -> QueryResult<bool> {
    use exams::dsl;
    let id = super::groups::id_of(c, group)?;
    let under_way = dsl::exams.filter(dsl::group_id.eq(id).and(dsl::until_s.gt(now_s)));
    let cut = diesel::update(under_way).set(dsl::until_s.eq(now_s)).execute(c)?;
    revision::bump_directory(c)?;
    Ok(cut > 0)
}

/// Removes an exam, if it is over; whether it was there.
///
/// # Errors
/// When the database fails.
pub fn remove_exam_over(c: &mut Conn, group: &GroupName, now_s: i64) -> QueryResult<bool> {
    use exams::dsl;
    let id = super::groups::id_of(c, group)?;
    let over = dsl::exams.filter(dsl::group_id.eq(id).and(dsl::until_s.le(now_s)));
    let gone = diesel::delete(over).execute(c)?;
    revision::bump_directory(c)?;
    Ok(gone > 0)
}
