//! Tickets: proof, checkable after any restart, that a user showed their password here.
//!
//! `v1.EXPIRY.MAC`, where MAC is HMAC-SHA256 over name, uid and expiry: an account that was deleted and made anew has
//! another uid, so that the old owner's ticket does not open the new owner's server.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hubgate_protocol::{Account, Ticket};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use zeroize::Zeroizing;

/// Bytes of the key.
const KEY_LEN: usize = 32;
/// Seconds of a day, 24 * 60 * 60; also how far clocks may disagree about a ticket's age.
const DAY_S: u64 = 86_400;

/// Makes and checks tickets.
pub struct Tickets {
    key: Zeroizing<[u8; KEY_LEN]>,
    life_s: u64,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file or its directory failed.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Others could read it, or it is not a key.
    #[error("{path}: {reason}")]
    Unsafe {
        /// Which.
        path: String,
        /// What is wrong and how to repair it.
        reason: &'static str,
    },
    /// No randomness.
    #[error("no random bytes: {0}")]
    Random(#[from] openssl::error::ErrorStack),
}

/// Why a ticket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The cryptographic library failed.
    #[error("HMAC failed: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
    /// The text is none of the protocol's secrets.
    #[error("the ticket does not fit the protocol: {0}")]
    Text(#[from] hubgate_protocol::secret::SecretError),
}

impl Tickets {
    /// Takes the key from `state_dir/ticket.key`, or makes both.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(state_dir: &Path, ticket_days: u32) -> Result<Self, KeyError> {
        let path = state_dir.join("ticket.key");
        let shown = path.display().to_string();
        let failed = |source| KeyError::Io { path: shown.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(failed)?;
        if !path.try_exists().map_err(failed)? {
            make_key(state_dir, &path, failed)?;
        }
        let key = read_key(&path, &shown)?;
        Ok(Self { key, life_s: u64::from(ticket_days) * DAY_S })
    }

    /// A ticket for `account`, made at `now_s` seconds since 1970.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(&self, account: &Account, now_s: u64) -> Result<Ticket, IssueError> {
        let expiry = now_s.saturating_add(self.life_s);
        let mac = URL_SAFE_NO_PAD.encode(self.mac(account, expiry)?);
        Ok(Ticket::try_from(format!("v1.{expiry}.{mac}"))?)
    }

    /// Whether `ticket` was issued for `account` and is still good at `now_s`.
    #[must_use]
    pub fn accepts(&self, ticket: &Ticket, account: &Account, now_s: u64) -> bool {
        let Some((expiry, mac)) = ticket.expose().strip_prefix("v1.").and_then(|rest| rest.split_once('.'))
        else {
            return false;
        };
        // `parse` would take "+7" and "007": one ticket must have one spelling.
        let Some(expiry) = expiry.parse::<u64>().ok().filter(|value| value.to_string() == expiry) else {
            return false;
        };
        let (Ok(mac), Ok(good)) = (URL_SAFE_NO_PAD.decode(mac), self.mac(account, expiry)) else {
            return false;
        };
        let latest = now_s.saturating_add(self.life_s).saturating_add(DAY_S);
        mac.len() == good.len() && openssl::memcmp::eq(&mac, &good) && (now_s..=latest).contains(&expiry)
    }

    fn mac(&self, account: &Account, expiry: u64) -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let key = PKey::hmac(self.key.as_slice())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        let uid = account.uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
        // NUL occurs in none of the parts, so that no two accounts share a text.
        signer.update(format!("hubgate ticket v1\0{}\0{uid}\0{expiry}", account.user).as_bytes())?;
        signer.sign_to_vec()
    }
}

fn make_key(dir: &Path, path: &Path, failed: impl Fn(io::Error) -> KeyError) -> Result<(), KeyError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    openssl::rand::rand_priv_bytes(key.as_mut_slice())?;
    let fresh = dir.join("ticket.key.new");
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(&failed)?;
    file.write_all(key.as_slice()).and_then(|()| file.sync_all()).map_err(&failed)?;
    // The name appears with its whole content, or not at all; a second daemon that was faster keeps its key.
    match fs::hard_link(&fresh, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    fs::remove_file(&fresh).and_then(|()| fs::File::open(dir)?.sync_all()).map_err(failed)
}

fn read_key(path: &Path, shown: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let failed = |source| KeyError::Io { path: shown.to_owned(), source };
    let refused = |reason| Err(KeyError::Unsafe { path: shown.to_owned(), reason });
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() || meta.uid() != geteuid().as_raw() {
        return refused("must be a regular file of the daemon's own user");
    }
    if meta.mode() & 0o077 != 0 {
        return refused(
            "can be read by others; remove it (all users log in again), or chmod 600 if nobody saw it",
        );
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    if meta.len() != 32 || file.read_exact(key.as_mut_slice()).is_err() {
        return refused("is not 32 bytes long; remove it, and a new one is made (all users log in again)");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn account(name: &str, uid: u32) -> Account {
        Account { user: name.parse().unwrap(), uid: Some(uid) }
    }

    fn dir(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("hubgate-ticket-{}-{name}", std::process::id()));
        let _absent = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn a_ticket_opens_its_owners_server_until_it_expires_and_after_a_restart() {
        let dir = dir("life");
        let ticket = Tickets::open(&dir, 1).unwrap().issue(&account("alice", 1000), 1_000_000).unwrap();
        let again = Tickets::open(&dir, 1).unwrap();
        assert!(again.accepts(&ticket, &account("alice", 1000), 1_000_000));
        assert!(again.accepts(&ticket, &account("alice", 1000), 1_000_000 + DAY_S));
        assert!(!again.accepts(&ticket, &account("alice", 1000), 1_000_001 + DAY_S));
        assert!(!again.accepts(&ticket, &account("bob", 1000), 1_000_000));
        assert!(!again.accepts(&ticket, &account("alice", 1001), 1_000_000));
        assert!(!again.accepts(&ticket, &Account { user: "alice".parse().unwrap(), uid: None }, 1_000_000));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_forged_or_bent_ticket_is_refused() {
        let dir = dir("forged");
        let tickets = Tickets::open(&dir, 1).unwrap();
        let alice = account("alice", 1000);
        let good = tickets.issue(&alice, 50).unwrap();
        let (head, mac) = good.expose().rsplit_once('.').unwrap();
        let later = head.replace("v1.86450", "v1.86451");
        for bad in [
            String::new(),
            "v1".to_owned(),
            "v1..".to_owned(),
            format!("{later}.{mac}"),
            format!("{head}."),
            format!("{head}.{}", "A".repeat(43)),
            format!("v2{}", &good.expose()[2..]),
            format!("{}x", good.expose()),
            good.expose().replace("v1.", "v1.0"),
            good.expose().replace("v1.", "v1.+"),
        ] {
            assert!(!tickets.accepts(&Ticket::try_from(bad.clone()).unwrap(), &alice, 50), "{bad}");
        }
        assert!(tickets.accepts(&good, &alice, 50));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_cut_short_is_refused() {
        let dir = dir("key");
        let _made = Tickets::open(&dir, 1).unwrap();
        let key = dir.join("ticket.key");
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Tickets::open(&dir, 1), Err(KeyError::Unsafe { .. })));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, "short").unwrap();
        assert!(matches!(Tickets::open(&dir, 1), Err(KeyError::Unsafe { .. })));
        fs::remove_dir_all(dir).unwrap();
    }
}
