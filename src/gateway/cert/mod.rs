//! A private CA and a certificate for the site, for places without a public one.
//!
//! Keys are on P-256: every browser since 2013 and Java since 7 accept it, and its handshakes cost a fraction of RSA's.

mod issue;
mod name;

use std::path::{Path, PathBuf};

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::files::{self, NewFile, PlaceError};

pub use name::{Name, NameError};

/// Longest life of a server's certificate in days: browsers refuse more than 398.
pub const DAYS_MAX: u32 = 397;
/// Longest life of a CA in days.
pub const CA_DAYS_MAX: u32 = 7300;

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names and addresses of the site; never empty.
    pub names: Vec<Name>,
    /// Life of the server's certificate in days, 1 to [`DAYS_MAX`].
    pub days: u32,
    /// Life of the CA in days, 1 to [`CA_DAYS_MAX`].
    pub ca_days: u32,
    /// Now, seconds since 1970.
    pub now_s: i64,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file is in the way or cannot be written.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A file of the CA cannot be used.
    #[error("{}: {}", .0.display(), .1)]
    Unusable(PathBuf, String),
    /// The plan cannot be carried out.
    #[error("{0}")]
    Plan(&'static str),
    /// OpenSSL failed.
    #[error("OpenSSL failed: {0}")]
    OpenSsl(#[from] openssl::error::ErrorStack),
}

/// A certificate with its key.
pub(crate) struct Pair {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Plan {
    fn check(&self) -> Result<(), CertError> {
        if self.names.is_empty() {
            return Err(CertError::Plan("a certificate needs at least one name: give --name"));
        }
        if !(1..=DAYS_MAX).contains(&self.days) {
            return Err(CertError::Plan(
                "--days must be 1 to 397: browsers refuse certificates that live longer",
            ));
        }
        if !(self.days..=CA_DAYS_MAX).contains(&self.ca_days) {
            return Err(CertError::Plan("--ca-days must be at least --days and at most 7300"));
        }
        Ok(())
    }
}

/// The four files of a CA and a server, not written yet.
///
/// # Errors
/// [`CertError::Plan`] and [`CertError::OpenSsl`].
pub fn draft(directory: &Path, plan: &Plan) -> Result<Vec<NewFile>, CertError> {
    plan.check()?;
    let ca = issue::authority(plan)?;
    let server = issue::server(plan, &ca, issue::new_key()?)?;
    Ok(vec![
        public(directory, "ca.crt", &ca)?,
        secret(directory, "ca.key", &ca)?,
        secret(directory, "server.key", &server)?,
        public(directory, "server.crt", &server)?,
    ])
}

/// Makes `ca.crt`, `ca.key`, `server.crt` and `server.key` in the directory; their paths.
///
/// # Errors
/// [`CertError`]; nothing has changed then. An existing file is never overwritten.
pub fn create(directory: &Path, plan: &Plan) -> Result<Vec<PathBuf>, CertError> {
    let files = draft(directory, plan)?;
    files::place(&files)?;
    Ok(files.into_iter().map(|file| file.path).collect())
}

/// Makes a new `server.crt` by the CA in the directory, for the `server.key` that is there: nginx needs only a reload,
/// and no browser has to learn anything. Without names in the plan those of the old certificate stay.
///
/// # Errors
/// [`CertError`]; the old certificate is as it was then.
pub fn renew(directory: &Path, plan: &Plan) -> Result<PathBuf, CertError> {
    let ca = load(directory, "ca")?;
    let old = load(directory, "server")?;
    let names = if plan.names.is_empty() { name::of(&old.certificate) } else { plan.names.clone() };
    let plan = Plan { names, ca_days: CA_DAYS_MAX, ..plan.clone() };
    plan.check()?;
    let new = issue::server(&plan, &ca, old.key)?;
    let file = public(directory, "server.crt", &new)?;
    files::replace(&file)?;
    Ok(file.path)
}

fn load(directory: &Path, stem: &str) -> Result<Pair, CertError> {
    let read = |end: &str| {
        let path = directory.join(format!("{stem}.{end}"));
        let bytes = std::fs::read(&path).map_err(|error| PlaceError::Io(path.clone(), error))?;
        Ok::<_, CertError>((path, zeroize::Zeroizing::new(bytes)))
    };
    let (path, pem) = read("crt")?;
    let certificate =
        X509::from_pem(&pem).map_err(|_| CertError::Unusable(path, "is no PEM certificate".into()))?;
    let (path, pem) = read("key")?;
    let unusable = |why: &str| CertError::Unusable(path.clone(), why.to_owned());
    let key = PKey::private_key_from_pem(&pem).map_err(|_| unusable("is no PEM key without a passphrase"))?;
    if !certificate.public_key()?.public_eq(&key) {
        return Err(unusable("does not belong to the certificate beside it"));
    }
    Ok(Pair { certificate, key })
}

fn public(directory: &Path, name: &str, pair: &Pair) -> Result<NewFile, CertError> {
    let bytes = pair.certificate.to_pem()?.into();
    Ok(NewFile { path: directory.join(name), mode: 0o644, bytes, owner: None })
}

fn secret(directory: &Path, name: &str, pair: &Pair) -> Result<NewFile, CertError> {
    let bytes = pair.key.private_key_to_pem_pkcs8()?.into();
    Ok(NewFile { path: directory.join(name), mode: 0o600, bytes, owner: None })
}

#[cfg(test)]
mod tests;
