//! Names and passwords by host, so that none needs to stand in a URL.

use reqwest::Url;

use super::token::Token;

/// Names and passwords by host; the first one added for a host counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    logins: Vec<Login>,
}

/// Name and password for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `HOST`, or `HOST:PORT` for one port only.
    pub host: String,
    pub user: String,
    /// The password; never shown.
    pub password: Token,
    /// Whether it may be sent over plain HTTP to other machines.
    pub plain: bool,
}

/// Whether a URL's host gets a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access<'a> {
    /// None is known.
    Open,
    With(&'a Login),
    /// There is one, but it would be sent in the clear.
    Withheld,
}

impl Credentials {
    /// Adds a login after the others.
    pub fn add(&mut self, login: Login) {
        self.logins.push(login);
    }

    /// Adds what a `.netrc` file says: `machine HOST login NAME password SECRET`. The entry
    /// `default`, which would go to every host, is left out.
    pub fn add_netrc(&mut self, text: &str) {
        let mut words = netrc_words(text).into_iter().peekable();
        while let Some(word) = words.next() {
            let host = match word {
                "machine" => words.next(),
                "default" => None,
                _ => continue,
            };
            let (mut user, mut password) = ("", None);
            while let Some(member) = words.next_if(|word| !matches!(*word, "machine" | "default")) {
                match member {
                    "login" => user = words.next().unwrap_or_default(),
                    "password" => password = words.next(),
                    "account" => drop(words.next()),
                    _ => {}
                }
            }
            if let (Some(host), Some(password)) = (host, password) {
                self.add(Login {
                    host: host.to_owned(),
                    user: user.to_owned(),
                    password: Token::new(password),
                    plain: false,
                });
            }
        }
    }

    /// What the host of a URL gets.
    pub(super) fn for_url(&self, url: &Url) -> Access<'_> {
        let Some(host) = url.host_str() else {
            return Access::Open;
        };
        let is_own = |login: &&Login| {
            let with_port = url
                .port_or_known_default()
                .map(|port| format!("{host}:{port}"));
            login.host.eq_ignore_ascii_case(host)
                || with_port.is_some_and(|own| login.host.eq_ignore_ascii_case(&own))
        };
        match self.logins.iter().find(is_own) {
            None => Access::Open,
            Some(login) if login.plain || is_private(url) => Access::With(login),
            Some(_) => Access::Withheld,
        }
    }
}

/// Whether nobody between here and the host of a URL can read what is sent: it is https, or the
/// host is this machine.
pub fn is_private(url: &Url) -> bool {
    if url.scheme() == "https" {
        return true;
    }
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The words of a `.netrc` file without comments and macros.
fn netrc_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut is_macro = false;
    for line in text.lines() {
        if is_macro {
            is_macro = !line.trim().is_empty();
            continue;
        }
        for word in line.split_whitespace() {
            if word.starts_with('#') {
                break;
            }
            if word == "macdef" {
                is_macro = true;
                break;
            }
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(text: &str, url: &str) -> Option<(String, String)> {
        let mut credentials = Credentials::default();
        credentials.add_netrc(text);
        match credentials.for_url(&Url::parse(url).unwrap()) {
            Access::With(login) => Some((login.user.clone(), login.password.secret().to_owned())),
            _ => None,
        }
    }

    #[test]
    fn netrc_is_read() {
        let text = "# mine\nmacdef init\nmachine evil login x password y\n\n\
                    machine example.org login me\n password s3cret\n\
                    machine b.example.org:8443 password only\ndefault login any password thing\n";
        let me = Some(("me".to_owned(), "s3cret".to_owned()));
        assert_eq!(access(text, "https://example.org/x"), me);
        assert_eq!(access(text, "https://EXAMPLE.org:1/x"), me);
        assert_eq!(access(text, "https://b.example.org/x"), None);
        let only = Some((String::new(), "only".to_owned()));
        assert_eq!(access(text, "https://b.example.org:8443/x"), only);
        assert_eq!(access(text, "https://evil/"), None);
        assert_eq!(access(text, "https://example.com/"), None);
        for odd in [
            "machine",
            "machine x login",
            "password",
            "machine x password",
            "",
        ] {
            assert_eq!(access(odd, "https://x/"), None);
        }
    }

    #[test]
    fn passwords_are_not_sent_in_the_clear() {
        let text = "machine example.org password x machine localhost password y\
                    \nmachine 127.0.0.1 password z";
        assert_eq!(access(text, "http://example.org/"), None);
        for url in [
            "http://localhost:1/",
            "http://127.0.0.1/",
            "https://example.org/",
        ] {
            assert!(access(text, url).is_some(), "{url}");
        }
        let mut credentials = Credentials::default();
        credentials.add(Login {
            host: "example.org".to_owned(),
            user: "me".to_owned(),
            password: Token::new("x"),
            plain: true,
        });
        let url = Url::parse("http://example.org/").unwrap();
        assert!(matches!(credentials.for_url(&url), Access::With(_)));
        assert!(
            !format!("{credentials:?}").contains('x')
                || !format!("{credentials:?}").contains("\"x\"")
        );
    }
}
