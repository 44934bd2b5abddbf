//! Requests that may go to addresses of the public internet only.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use hashget_words::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use url::{Host, Url};

/// What is wrong with a host that is not of the public internet.
pub(super) const NOT_PUBLIC: &str = "it is at a private address";

/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 10;

/// Whether a URL's host is written as an address, or as a name of this machine, that is not of the public internet.
/// Other names show only when they are resolved.
pub fn names_private_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        None => false,
    }
}

/// Follows redirects, but not to private hosts.
pub(super) fn redirects() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        if attempt.previous().len() > MOST_REDIRECTS {
            return attempt.error("too many redirects");
        }
        if names_private_host(attempt.url()) {
            return attempt.error(NOT_PUBLIC);
        }
        attempt.follow()
    })
}

/// Resolves names, and refuses those with an address that is not of the public internet: of several addresses
/// nobody knows which one will be used. The proxies' names are the user's.
#[derive(Debug)]
pub(super) struct PublicResolver {
    pub(super) proxies: Vec<String>,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxies.iter().any(|proxy| proxy == name.as_str());
        Box::pin(async move {
            // On the client's own thread, which asks little besides.
            let found: Vec<SocketAddr> = (name.as_str(), 0).to_socket_addrs()?.collect();
            if !is_proxy && found.iter().any(|address| !is_public(address.ip())) {
                return Err(io::Error::other(NOT_PUBLIC).into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_hosts_are_seen_by_their_spelling() {
        let is_private = |url: &str| names_private_host(&Url::parse(url).unwrap());
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://localhost./a",
            "http://LOCALHOST:8080/",
            "http://a.localhost/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest",
            "http://192.168.1.1:80/",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "http://example.org/",
            "http://1.1.1.1/",
            "http://localhost.example.org/",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }

    #[test]
    fn names_that_lead_to_private_addresses_are_refused() {
        let resolve = |proxies: Vec<String>| {
            let resolver = PublicResolver { proxies };
            let mut resolving = resolver.resolve("localhost".parse().unwrap());
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match resolving.as_mut().poll(&mut context) {
                std::task::Poll::Ready(found) => found.map(drop).map_err(|error| error.to_string()),
                std::task::Poll::Pending => panic!("it does not wait"),
            }
        };
        assert_eq!(resolve(Vec::new()), Err(NOT_PUBLIC.to_owned()));
        assert_eq!(resolve(vec!["localhost".to_owned()]), Ok(()));
    }
}
