//! Codes of an authenticator app: RFC 6238 with SHA-1, six digits and steps of 30 seconds, which every app knows.

use totp_rs::{Builder, Totp};

/// Bytes of a secret: 160 bits, as RFC 4226 recommends.
pub const SECRET_LEN: usize = 20;

/// The secret that an app and we share.
pub struct SharedSecret(Totp);

impl SharedSecret {
    /// A secret of these bytes, for the account that the app shows as `issuer` and `account`; `None` for fewer than 16 bytes.
    #[must_use]
    pub fn new(bytes: &[u8], issuer: &str, account: &str) -> Option<Self> {
        // A colon parts the two in an app's list; neither may hold one.
        let plain = |text: &str| text.replace(':', "_");
        let builder = Builder::new().with_secret(bytes.to_vec()).with_account_name(plain(account));
        builder.with_issuer(Some(plain(issuer))).build().ok().map(Self)
    }

    /// The step whose code this is, one step early or late included.
    #[must_use]
    pub fn step_of(&self, code: &str, now_s: i64) -> Option<i64> {
        let step = self.0.check(code, u64::try_from(now_s).ok()?)?;
        i64::try_from(step).ok()
    }

    /// `otpauth://totp/…`, what the picture for the app says.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.0.to_url().ok()
    }

    /// The secret in base32, for typing it in.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.secret().to_base32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: the last six of eight digits.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn secret() -> SharedSecret {
        SharedSecret::new(b"12345678901234567890", "hub.test", "alice").unwrap()
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (at_s, code) in VECTORS {
            assert_eq!(secret().step_of(code, at_s), Some(at_s / 30), "{at_s}");
        }
    }

    #[test]
    fn a_code_holds_one_step_early_and_late_and_no_longer() {
        let (at_s, code) = (1_111_111_109, "081804");
        let begin_s = at_s / 30 * 30;
        for (now_s, holds) in
            [(begin_s - 31, false), (begin_s - 30, true), (begin_s + 59, true), (begin_s + 60, false)]
        {
            assert_eq!(secret().step_of(code, now_s).is_some(), holds, "{}", now_s - begin_s);
        }
    }

    #[test]
    fn anything_but_six_digits_is_no_code() {
        for code in ["", "28708", "0287082", "+87082", " 287082", "２８７０８２", "28708a"] {
            assert_eq!(secret().step_of(code, 59), None, "{code}");
        }
        assert_eq!(secret().step_of("287082", -1), None);
    }

    #[test]
    fn the_address_for_the_app_names_hub_and_user() {
        let url = SharedSecret::new(b"12345678901234567890", "hub.test:8443", "A.B@x.cn").unwrap();
        assert_eq!(url.text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let url = url.url().unwrap();
        assert!(url.starts_with("otpauth://totp/hub.test_8443:A.B%40x.cn?secret=GEZDGNBVGY3TQOJQ"), "{url}");
    }
}
