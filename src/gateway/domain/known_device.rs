//! The cookie of a device that somebody has logged in from: it exempts them from the bounds that strangers' guesses fill.

use super::xsrf::Key;

impl Key {
    /// The cookie's value for a device of `user`; `id` is random, 16 or more characters without dots.
    #[must_use]
    pub fn device(&self, user: &str, id: &str) -> Option<String> {
        Some(format!("{id}.{}", self.device_mac(user, id)?))
    }

    /// The id of the device, where the cookie is one that we gave to this very user.
    #[must_use]
    pub fn device_of<'c>(&self, user: &str, cookie: &'c str) -> Option<&'c str> {
        let (id, mac) = cookie.split_once('.')?;
        let own = self.device_mac(user, id)?;
        super::xsrf::same(&own, mac).then_some(id)
    }

    fn device_mac(&self, user: &str, id: &str) -> Option<String> {
        self.sign("device", format!("{user}\0{id}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_for_one_user() {
        let key = Key::from([7; 32]);
        let cookie = key.device("alice", "0123456789abcdef").unwrap();
        assert_eq!(key.device_of("alice", &cookie), Some("0123456789abcdef"));
        assert_eq!(key.device_of("bob", &cookie), None);
        assert_eq!(Key::from([8; 32]).device_of("alice", &cookie), None);
        for bad in ["", ".", "0123456789abcdef", "0123456789abcdef.", &cookie.replace('0', "1")] {
            assert_eq!(key.device_of("alice", bad), None, "{bad}");
        }
    }
}
