//! Which proxy a URL is asked by: the variables that curl and others read, understood as they do.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::{HttpError, ProxyName};

/// The proxies of the environment.
///
/// `http_proxy`, `https_proxy` and `all_proxy` name them, in small letters first, then in capitals;
/// `no_proxy` lists what is asked without one. A proxy is `[http://]HOST[:PORT]`, maybe with a name
/// and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: Vec<Exception>,
}

#[derive(Clone, PartialEq, Eq)]
struct Proxy {
    variable: String,
    /// What is wrong with it is told when it is to be used.
    url: Result<Url, String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There may be a password in it.
        write!(f, "Proxy({}…)", self.variable)
    }
}

/// What is asked without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    /// A host and its subdomains.
    Domain(String, Option<u16>),
    /// The first bits of an address.
    Network(IpAddr, u8, Option<u16>),
}

impl Proxies {
    /// The proxies that the variables name; `variable` looks one up.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(|value| (name.to_owned(), value))
        };
        let any = || set("all_proxy").or_else(|| set("ALL_PROXY"));
        // In a CGI program HTTP_PROXY is a header that the client sent.
        let capitals = || set("HTTP_PROXY").filter(|_| variable("REQUEST_METHOD").is_none());
        let http = set("http_proxy").or_else(capitals).or_else(any);
        let https = set("https_proxy")
            .or_else(|| set("HTTPS_PROXY"))
            .or_else(any);
        let except = set("no_proxy").or_else(|| set("NO_PROXY"));
        let list = except.and_then(|(_, value)| value.into_string().ok());
        Self {
            http: http.map(Proxy::parse),
            https: https.map(Proxy::parse),
            except: exceptions(&list.unwrap_or_default()),
        }
    }

    /// The hosts of the proxies.
    pub(super) fn hosts(&self) -> Vec<String> {
        let proxies = [&self.http, &self.https];
        let urls = proxies
            .into_iter()
            .flatten()
            .filter_map(|it| it.url.as_ref().ok());
        urls.filter_map(|url| url.host_str().map(str::to_owned))
            .collect()
    }

    /// The proxy by which a URL is asked, if there is one.
    pub(super) fn for_url(&self, url: &Url) -> Result<Option<&Url>, HttpError> {
        let proxy = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        let Some(proxy) = proxy else { return Ok(None) };
        if self.except.iter().any(|except| except.covers(url)) {
            return Ok(None);
        }
        match &proxy.url {
            Ok(url) => Ok(Some(url)),
            Err(what) => Err(HttpError::Proxy {
                variable: proxy.variable.clone(),
                what: what.clone(),
            }),
        }
    }
}

/// A proxy for showing: its password is left out.
pub(super) fn shown(proxy: &Url) -> ProxyName {
    ProxyName(proxy.origin().ascii_serialization())
}

impl Proxy {
    fn parse((variable, value): (String, OsString)) -> Self {
        let url = || {
            let text = value
                .into_string()
                .map_err(|_| "it is no text".to_owned())?;
            let text = text.trim();
            let text = if text.contains("://") {
                text.to_owned()
            } else {
                format!("http://{text}")
            };
            let url = Url::parse(&text).map_err(|error| format!("it is no URL: {error}"))?;
            match url.scheme() {
                "http" | "https" if url.has_host() => Ok(url),
                "http" | "https" => Err("it names no host".to_owned()),
                other => Err(format!("{other}:// is neither http:// nor https://")),
            }
        };
        Self {
            url: url(),
            variable,
        }
    }
}

fn exceptions(list: &str) -> Vec<Exception> {
    list.split([',', ' ', '\t', '\n'])
        .filter(|entry| !entry.is_empty())
        .map(Exception::parse)
        .collect()
}

impl Exception {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everything;
        }
        let (host, port) = split_port(entry);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (address, bits) = match host.split_once('/') {
            Some((address, bits)) => (address.trim_end_matches(']'), bits.parse().ok()),
            None => (host, Some(u8::MAX)),
        };
        if let (Ok(address), Some(bits)) = (address.parse::<IpAddr>(), bits) {
            let most = if address.is_ipv4() { 32 } else { 128 };
            return Self::Network(address, bits.min(most), port);
        }
        let domain = host.trim_start_matches('.').trim_end_matches('.');
        Self::Domain(domain.to_ascii_lowercase(), port)
    }

    fn covers(&self, url: &Url) -> bool {
        let is_port = |port: &Option<u16>| port.is_none() || *port == url.port_or_known_default();
        match (self, url.host()) {
            (Self::Everything, _) => true,
            (Self::Domain(domain, port), Some(Host::Domain(host))) => {
                let host = host.trim_end_matches('.');
                let below = host.strip_suffix(domain.as_str());
                is_port(port) && below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(network, bits, port), Some(Host::Ipv4(host))) => {
                is_port(port) && is_in(host.into(), *network, *bits)
            }
            (Self::Network(network, bits, port), Some(Host::Ipv6(host))) => {
                is_port(port) && is_in(host.into(), *network, *bits)
            }
            _ => false,
        }
    }
}

/// `host:port`, where an address of IPv6 with a port stands in brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = entry.rsplit_once(':') else {
        return (entry, None);
    };
    let is_host = !host.contains(':') || host.ends_with(']');
    match port.parse() {
        Ok(port) if is_host => (host, Some(port)),
        _ => (entry, None),
    }
}

fn is_in(host: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (host, network, width) = match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => (
            u128::from(host.to_bits()),
            u128::from(network.to_bits()),
            32,
        ),
        (IpAddr::V6(host), IpAddr::V6(network)) => (host.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let rest = 128_u32.min(width - u32::from(bits).min(width));
    host.checked_shr(rest).unwrap_or(0) == network.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let found = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Proxies::from_variables(&found)
    }

    fn proxy(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let url = Url::parse(url).unwrap();
        let proxies = proxies(variables);
        proxies.for_url(&url).unwrap().map(|url| shown(url).0)
    }

    #[test]
    fn proxies_are_found_by_scheme_small_letters_first() {
        let all = [
            ("http_proxy", "small:1"),
            ("HTTP_PROXY", "http://large:1"),
            ("HTTPS_PROXY", "http://u:secret@secure:2/"),
        ];
        let named = |url| proxy(&all, url);
        assert_eq!(named("http://x/").as_deref(), Some("http://small:1"));
        assert_eq!(named("https://x/").as_deref(), Some("http://secure:2"));
        assert!(!format!("{:?}", proxies(&all)).contains("secret"));
        let any = [("ALL_PROXY", "https://any"), ("http_proxy", "")];
        assert_eq!(proxy(&any, "http://x/").as_deref(), Some("https://any"));
        let cgi = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
        assert_eq!(proxy(&cgi, "http://x/"), None);
    }

    #[test]
    fn what_is_excepted_is_asked_directly() {
        for (list, url, direct) in [
            ("*", "http://example.org/", true),
            ("", "http://example.org/", false),
            ("example.org", "http://example.org/", true),
            (".example.org", "http://www.example.org:8080/", true),
            ("example.org", "http://badexample.org/", false),
            ("a, EXAMPLE.org b", "http://example.org./", true),
            ("example.org:8080", "http://example.org:8080/", true),
            ("example.org:8080", "http://example.org/", false),
            ("example.org:80", "http://example.org/", true),
            ("127.0.0.1", "http://127.0.0.1:9/", true),
            ("127.0.0.1:9", "http://127.0.0.1:9/", true),
            ("127.0.0.1:8", "http://127.0.0.1:9/", false),
            ("10.0.0.0/8", "http://10.200.0.1/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("0.0.0.0/0", "http://11.0.0.1/", true),
            ("10.0.0.0/x", "http://10.0.0.0/", false),
            ("::1", "http://[::1]:9/", true),
            ("[::1]", "http://[::1]/", true),
            ("[::1]:9", "http://[::1]:9/", true),
            ("[::1]:8", "http://[::1]:9/", false),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://[fe00::1]/", false),
            ("::/0", "http://127.0.0.1/", false),
        ] {
            let set = [("http_proxy", "proxy:3128"), ("NO_PROXY", list)];
            assert_eq!(proxy(&set, url).is_none(), direct, "{list} {url}");
        }
    }

    #[test]
    fn a_malformed_variable_is_named_when_it_matters_and_not_shown() {
        for value in [
            "http://",
            "http://u:secret@:1:2",
            "socks5://u:secret@x",
            "http://[::",
        ] {
            let proxies = proxies(&[("https_proxy", value), ("no_proxy", "example.org")]);
            let ask = |url| proxies.for_url(&Url::parse(url).unwrap()).map(|_| ());
            assert!(ask("http://example.com/").is_ok());
            assert!(ask("https://example.org/").is_ok());
            let said = ask("https://example.com/").unwrap_err().to_string();
            assert!(said.contains("https_proxy"), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
