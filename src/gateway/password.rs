//! Passwords as argon2id hashes: making and checking them takes the same time whoever asks.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hubgate_protocol::Secret;

/// Memory of one hash in KiB; with [`PASSES`] and [`LANES`] the first choice of OWASP's password storage cheat sheet.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes: one, so that a hash costs one core.
const LANES: u32 = 1;
/// Bytes of a hash and of a salt.
const HASH_LEN: usize = 32;
const SALT_LEN: usize = 16;
/// Most memory that a stored hash may ask for, in KiB: 256 MiB.
const MEMORY_MAX_KIB: u32 = 262_144;
/// Most passes that a stored hash may ask for.
const PASSES_MAX: u32 = 16;
/// glibc keeps a freed block of up to 32 MiB (`DEFAULT_MMAP_THRESHOLD_MAX`) for the next use, which would leave each
/// thread 19 MiB larger for ever. A larger reservation is mapped and unmapped by itself; what is not touched costs nothing.
const RESERVED_BLOCKS: usize = 40 * 1024;

/// Why a hash could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// An empty password is no password.
    #[error("the password is empty")]
    Empty,
    /// No random bytes or no memory.
    #[error("the password could not be hashed: no memory or no random bytes")]
    Failed,
}

/// Letters of a generated password: 32 that nobody mistakes for each other, 5 bits each.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters in a generated password: 20 * 5 = 100 bits.
const GENERATED_LEN: usize = 20;

/// Somebody nobody is: checking against it takes as long as against a real one.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash_with(b"nobody", &[0; SALT_LEN]).ok());

/// Makes the hash of a password, in PHC form.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &Secret) -> Result<String, PasswordError> {
    let mut salt = [0; SALT_LEN];
    openssl::rand::rand_bytes(&mut salt).map_err(|_| PasswordError::Failed)?;
    let password = password.expose().as_bytes();
    if password.is_empty() { Err(PasswordError::Empty) } else { hash_with(password, &salt) }
}

/// Whether the password belongs to the hash. Without a hash the answer is no, after the same time.
#[must_use]
pub fn verify(password: &Secret, stored: Option<&str>) -> bool {
    let typed = password.expose().as_bytes();
    match stored {
        Some(stored) => matches(typed, stored).unwrap_or(false) && !typed.is_empty(),
        None => {
            // Nobody's password may even be right: the answer stays no.
            let _spent = NOBODY.as_deref().map(|nobody| matches(typed, nobody));
            false
        }
    }
}

/// A password that nobody chose: 100 random bits as four groups of five letters, `abcde-fghij-kmnpq-rstuv`.
///
/// # Errors
/// [`PasswordError::Failed`].
pub fn generated() -> Result<Secret, PasswordError> {
    let mut bytes = [0; GENERATED_LEN];
    openssl::rand::rand_bytes(&mut bytes).map_err(|_| PasswordError::Failed)?;
    // 256 is a multiple of 32, so every letter is as likely as any other.
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let letters: Vec<char> = bytes.into_iter().map(letter).collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Secret::try_from(groups.join("-")).map_err(|_| PasswordError::Failed)
}

fn hash_with(password: &[u8], salt: &[u8]) -> Result<String, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_LEN)).map_err(|_| PasswordError::Failed)?;
    let digest = digest(password, salt, params).ok_or(PasswordError::Failed)?;
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"))
}

/// `None` where the stored text is no argon2id hash within the bounds.
fn matches(password: &[u8], stored: &str) -> Option<bool> {
    let parsed = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&parsed).ok()?;
    let within = params.m_cost() <= MEMORY_MAX_KIB && params.t_cost() <= PASSES_MAX;
    let expected = parsed.hash?;
    if parsed.algorithm.as_str() != "argon2id" || !within || expected.as_bytes().len() != HASH_LEN {
        return None;
    }
    let digest = digest(password, parsed.salt?.as_ref(), params)?;
    Some(openssl::memcmp::eq(&digest, expected.as_bytes()))
}

fn digest(password: &[u8], salt: &[u8], params: Params) -> Option<[u8; HASH_LEN]> {
    let count = params.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(count.max(RESERVED_BLOCKS)).ok()?;
    memory.resize(count, Block::new());
    let mut out = [0; HASH_LEN];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password, salt, &mut out, memory.as_mut_slice()).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_password_belongs_to_its_own_hash_only() {
        let stored = hash(&secret("correct horse")).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify(&secret("correct horse"), Some(&stored)));
        assert!(!verify(&secret("correct horsf"), Some(&stored)));
        assert_ne!(stored, hash(&secret("correct horse")).unwrap());
    }

    #[test]
    fn nobody_has_no_password() {
        assert!(!verify(&secret("nobody"), None));
        assert!(!verify(&secret(""), None));
        assert_eq!(hash(&secret("")), Err(PasswordError::Empty));
    }

    #[test]
    fn a_hash_made_elsewhere_is_read() {
        // python3 -m argon2 -t 2 -m 19456 -p 1 --hash-len 32, salt "saltsaltsaltsalt"
        let stored = hash_with(b"pleaseletmein", b"saltsaltsaltsalt").unwrap();
        let parsed = PasswordHash::new(&stored).unwrap();
        use argon2::password_hash::PasswordVerifier;
        assert!(Argon2::default().verify_password(b"pleaseletmein", &parsed).is_ok());
    }

    #[test]
    fn what_is_no_argon2id_hash_within_bounds_belongs_to_no_password() {
        let salt_and_hash = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for head in [
            "$argon2i$v=19$m=19456,t=2,p=1$",
            "$argon2id$v=19$m=4194304,t=2,p=1$",
            "$argon2id$v=19$m=8,t=9999,p=1$",
        ] {
            assert!(!verify(&secret("x"), Some(&format!("{head}{salt_and_hash}"))), "{head}");
        }
        for text in ["", "x", "plain", "$1$abc$def", "$argon2id$v=19$m=19456,t=2,p=1$$"] {
            assert!(!verify(&secret(text), Some(text)), "{text}");
        }
    }

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn the_memory_of_a_hash_is_given_back() {
        const ALONE: &str = "HUBGATE_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            // In a process of its own, where no other test takes memory meanwhile.
            let name = "password::tests::the_memory_of_a_hash_is_given_back";
            let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
            assert!(alone.args(["--exact", name]).env(ALONE, "1").status().unwrap().success());
            return;
        }
        let work = || (0..4).for_each(|_| assert!(hash(&secret("x")).is_ok()));
        let before = resident_kib();
        std::thread::spawn(work).join().unwrap();
        work();
        let after = resident_kib();
        assert!(after < before + 4 * 1024, "{before} KiB before, {after} KiB after");
    }
}
