//! One-time codes as second factor: the sealed secret of an app, and the hashes of recovery codes.

use diesel::prelude::*;

use super::hash::{Hash, hex};
use super::schema::recovery_codes::dsl as recovery;
use super::schema::totp::dsl;
use super::{Conn, passkeys};

/// The app of a user.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct App {
    /// The secret, sealed with the key file.
    pub sealed: String,
    /// The last step whose code was used.
    pub last_step: i64,
    /// When it was added, seconds since 1970.
    pub created_s: i64,
}

/// What second factors a user has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// When the app was added, seconds since 1970.
    pub app_s: Option<i64>,
    /// How many passkeys.
    pub passkeys: i64,
    /// How many recovery codes are left. They are no factor of their own.
    pub recovery_codes: i64,
}

impl Held {
    /// Whether there is a second factor at all.
    #[must_use]
    pub fn any(&self) -> bool {
        self.app_s.is_some() || self.passkeys > 0
    }
}

/// What a user has.
///
/// # Errors
/// When the database fails.
pub fn held(c: &mut Conn, user_id: i64) -> QueryResult<Held> {
    let codes = recovery::recovery_codes.filter(recovery::user_id.eq(user_id)).count();
    Ok(Held {
        app_s: app(c, user_id)?.map(|app| app.created_s),
        passkeys: passkeys::count(c, user_id)?,
        recovery_codes: codes.get_result(c)?,
    })
}

/// The app of a user.
///
/// # Errors
/// When the database fails.
pub fn app(c: &mut Conn, user_id: i64) -> QueryResult<Option<App>> {
    let row = dsl::totp.filter(dsl::user_id.eq(user_id));
    row.select((dsl::sealed, dsl::last_step, dsl::created_s)).first(c).optional()
}

/// Adds the app of a user; the one before it is worth nothing any more.
///
/// # Errors
/// A foreign-key violation where the user has just been removed.
pub fn put_app(c: &mut Conn, user_id: i64, app: &App) -> QueryResult<()> {
    remove_app(c, user_id)?;
    let values = (
        dsl::user_id.eq(user_id),
        dsl::sealed.eq(&app.sealed),
        dsl::last_step.eq(app.last_step),
        dsl::created_s.eq(app.created_s),
    );
    diesel::insert_into(dsl::totp).values(values).execute(c).map(drop)
}

/// Uses the code of a step up; whether it was still to be used.
///
/// # Errors
/// When the database fails.
pub fn spend_step(c: &mut Conn, user_id: i64, step: i64) -> QueryResult<bool> {
    let row = dsl::totp.filter(dsl::user_id.eq(user_id).and(dsl::last_step.lt(step)));
    diesel::update(row).set(dsl::last_step.eq(step)).execute(c).map(|rows| rows == 1)
}

/// Removes the app of a user; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn remove_app(c: &mut Conn, user_id: i64) -> QueryResult<bool> {
    diesel::delete(dsl::totp.filter(dsl::user_id.eq(user_id))).execute(c).map(|rows| rows == 1)
}

/// Gives a user these recovery codes; those before them are worth nothing any more.
///
/// # Errors
/// When the database fails.
pub fn put_recovery_codes(c: &mut Conn, user_id: i64, codes: &[Hash]) -> QueryResult<()> {
    diesel::delete(recovery::recovery_codes.filter(recovery::user_id.eq(user_id))).execute(c)?;
    for code in codes {
        let values = (recovery::hash.eq(hex(code)), recovery::user_id.eq(user_id));
        diesel::insert_into(recovery::recovery_codes).values(values).execute(c)?;
    }
    Ok(())
}

/// Uses a recovery code up; whether the user had it.
///
/// # Errors
/// When the database fails.
pub fn spend_recovery_code(c: &mut Conn, user_id: i64, code: &Hash) -> QueryResult<bool> {
    let row = recovery::recovery_codes.filter(recovery::hash.eq(hex(code)));
    diesel::delete(row.filter(recovery::user_id.eq(user_id))).execute(c).map(|rows| rows == 1)
}

/// Takes every second factor from a user, recovery codes too; whether there was one.
///
/// # Errors
/// When the database fails.
pub fn reset(c: &mut Conn, user_id: i64) -> QueryResult<bool> {
    let app = remove_app(c, user_id)?;
    put_recovery_codes(c, user_id, &[])?;
    Ok(passkeys::remove_all(c, user_id)? > 0 || app)
}
