//! Who a request comes from: its peer, or whom a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};

use crate::settings::Network;

/// Whether an address is one of a proxy that is trusted.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The client of a request: of the addresses that the proxies noted, the last that is no trusted
/// proxy itself. Whatever stands before that one the client may have made up.
pub(crate) fn client_of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer.to_canonical();
    let noted: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    for text in noted.into_iter().rev() {
        if !is_trusted(client, trusted) {
            break;
        }
        let Some(address) = address_of(text.trim()) else {
            break;
        };
        client = address;
    }
    client
}

/// What counts as the client of a request.
pub(crate) fn counted_client(request: &HttpRequest, trusted: &[Network]) -> IpAddr {
    let peer = request.peer_addr().map(|address| address.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    counted(client_of(peer, request.headers(), trusted))
}

/// Some proxies note a port, too.
fn address_of(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok().or_else(|| {
        let socket: std::net::SocketAddr = text.parse().ok()?;
        Some(socket.ip())
    })?;
    Some(address.to_canonical())
}

/// What counts as one client: an IPv6 host may use any address of its /64.
pub(crate) fn counted(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, noted: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in noted {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(value));
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_of(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.9"], &[]), "192.0.2.1");
        let trusted = ["192.0.2.0/24", "2001:db8::1"];
        assert_eq!(
            client("192.0.2.1", &["198.51.100.9"], &trusted),
            "198.51.100.9"
        );
        assert_eq!(
            client("::ffff:192.0.2.1", &["198.51.100.9:80"], &trusted),
            "198.51.100.9"
        );
        assert_eq!(
            client("2001:db8::1", &["2001:db8::2"], &trusted),
            "2001:db8::2"
        );
        assert_eq!(client("192.0.2.1", &[], &trusted), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["nonsense"], &trusted), "192.0.2.1");
    }

    #[test]
    fn what_the_client_made_up_is_not_believed() {
        let trusted = ["192.0.2.0/24"];
        let noted = ["203.0.113.5, 198.51.100.9", "192.0.2.7"];
        assert_eq!(client("192.0.2.1", &noted, &trusted), "198.51.100.9");
    }

    #[test]
    fn a_host_is_one_client_whatever_address_of_its_network_it_takes() {
        let one = counted("2001:db8:1:2:3::1".parse().unwrap());
        assert_eq!(one, counted("2001:db8:1:2:4::9".parse().unwrap()));
        assert_ne!(one, counted("2001:db8:1:3::1".parse().unwrap()));
    }
}
