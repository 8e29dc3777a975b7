//! What a certificate is for: names and addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use openssl::x509::X509;

/// A name or an address of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A DNS name in lower case; the leftmost label may be `*`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Why a text is neither name nor address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No URL, no port.
    #[error("give a bare name or address: no https://, no port, no path")]
    NotBare,
    /// Not a DNS name.
    #[error(
        "a name has labels of a-z, 0-9 and hyphens with dots between them; write other letters in their xn-- form"
    )]
    NotDns,
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Ip(address));
        }
        if text.contains(['/', ':']) {
            return Err(NameError::NotBare);
        }
        let name = text.to_ascii_lowercase();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        // Digits only at the end are an address with a mistake in it.
        let address = labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if name.len() > 253 || address || !labels.split('.').all(is_label) {
            return Err(NameError::NotDns);
        }
        Ok(Self::Dns(name))
    }
}

fn is_label(label: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// The names of a certificate.
pub(super) fn of(certificate: &X509) -> Vec<Name> {
    let Some(names) = certificate.subject_alt_names() else { return Vec::new() };
    let address = |bytes: &[u8]| {
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
    };
    names
        .iter()
        .filter_map(|name| match (name.dnsname(), name.ipaddress()) {
            (Some(dns), _) => Some(Name::Dns(dns.to_owned())),
            (None, Some(bytes)) => address(bytes).map(Name::Ip),
            (None, None) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!("Hub.Example.ORG".parse(), Ok(Name::Dns("hub.example.org".into())));
        assert_eq!("*.example.org".parse(), Ok(Name::Dns("*.example.org".into())));
        assert_eq!("127.0.0.1".parse(), Ok(Name::Ip([127, 0, 0, 1].into())));
        assert_eq!("[::1]".parse::<Name>(), "::1".parse());
        assert_eq!("localhost".parse(), Ok(Name::Dns("localhost".into())));
    }

    #[test]
    fn what_no_browser_would_accept_is_refused() {
        for bad in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "a b",
            "é.org",
            "a*.org",
            "x.*.org",
            "*",
            "1.2.3",
            "999.1.1.1",
            "a.",
            "a\n",
            &"a".repeat(64),
        ] {
            assert_eq!(bad.parse::<Name>(), Err(NameError::NotDns), "{bad:?}");
        }
        for bad in ["https://a.org", "a.org:8443", "a/b", "10.0.0.0/8", "[::1]:443"] {
            assert_eq!(bad.parse::<Name>(), Err(NameError::NotBare), "{bad:?}");
        }
    }
}
