//! How often somebody may ask.

use std::net::IpAddr;

/// A bound on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; 0 is any number.
    pub per_second: u32,
    /// Whether the operator set it.
    is_given: bool,
}

impl Rate {
    pub(super) fn new(given: Option<u32>, default: u32) -> Self {
        Self {
            per_second: given.unwrap_or(default),
            is_given: given.is_some(),
        }
    }

    /// Whether requests of a client are counted. By default those from this machine are not: they are
    /// its own, or those of a proxy that is not named in `trusted_proxies` and has many clients.
    pub(crate) fn applies_to(self, client: IpAddr) -> bool {
        self.is_given || !client.to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_bounded_only_if_that_is_said() {
        let far = [IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().unwrap()];
        let near = ["127.0.0.2", "::1", "::ffff:127.0.0.1"].map(|text| text.parse().unwrap());
        let (default, given) = (Rate::new(None, 100), Rate::new(Some(5), 100));
        assert_eq!((default.per_second, given.per_second), (100, 5));
        assert!(far.iter().all(|client| default.applies_to(*client)));
        assert!(!near.iter().any(|client| default.applies_to(*client)));
        assert!(near.iter().all(|client| given.applies_to(*client)));
    }
}
