//! One sentence of an error and its causes, in which every URL, and what it is about, is named once.
//!
//! Each layer of a library names what it handles, as it does not know who will say it again. Where
//! the layers meet, in a line for a user, what was said already becomes `it`.

use std::error::Error;

use hashget_words::hash_package::url_name;

/// The texts of an error and of its causes, what repeats another left out.
pub fn texts(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some libraries repeat their source.
        if !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts
}

/// The texts about `subject`, which is said before them, without a name that was said before; an
/// empty subject says nothing.
pub fn without_repeats(subject: &str, texts: &[String]) -> Vec<String> {
    let mut said = Said::default();
    if !subject.is_empty() {
        said.add(subject);
    }
    let texts = texts.iter().map(|text| said.retell(subject, text));
    texts.filter(|text| !text.is_empty()).collect()
}

/// The texts as one sentence.
pub fn sentence(subject: &str, texts: &[String]) -> String {
    without_repeats(subject, texts).join(": ")
}

/// The names that were said; the last one is what `it` means.
#[derive(Default)]
struct Said {
    names: Vec<String>,
}

/// Phrases in front of a name, and what they become with `it`.
const PHRASES: [(&str, &str); 4] = [
    ("the answer of ", "its answer"),
    ("the hashserver ", "it"),
    ("the package ", "it"),
    ("package ", "it"),
];

impl Said {
    fn add(&mut self, name: &str) {
        self.names.retain(|known| known != name);
        self.names.push(name.to_owned());
    }

    fn retell(&mut self, subject: &str, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((start, end)) = next_name(subject, rest, told.chars().next_back()) {
            let name = &rest[start..end];
            told.push_str(&rest[..start]);
            rest = &rest[end..];
            let is_known = self.names.iter().any(|known| known == name);
            let is_last = self.names.last().is_some_and(|last| last == name);
            if !is_known {
                told.push_str(name);
            } else if !is_last {
                let short = url_name(name);
                told.push_str(if short.is_empty() { name } else { short });
            } else if told.is_empty() && rest.starts_with(": ") {
                rest = &rest[2..];
            } else {
                tell_it(&mut told);
            }
            self.add(name);
        }
        told.push_str(rest);
        told
    }
}

fn tell_it(told: &mut String) {
    for (phrase, short) in PHRASES {
        if told.ends_with(phrase) {
            told.truncate(told.len() - phrase.len());
            told.push_str(short);
            return;
        }
    }
    told.push_str("it");
}

/// Where the next URL, or the subject, stands in a text; `before` is the character in front of it.
fn next_name(subject: &str, text: &str, before: Option<char>) -> Option<(usize, usize)> {
    let is_start = |at: usize| {
        let before = text[..at].chars().next_back().or(before);
        before.is_none_or(|character| !is_part(character))
    };
    let url = ["http://", "https://"].iter().filter_map(|scheme| {
        let mut found = text.match_indices(scheme).map(|(at, _)| at);
        let start = found.find(|at| is_start(*at))?;
        let length = text[start..]
            .find(|character: char| character.is_whitespace() || "\"'<>,;".contains(character))
            .unwrap_or(text.len() - start);
        let url = text[start..start + length].trim_end_matches([':', '.', ')']);
        Some((start, start + url.len()))
    });
    let own = || {
        // A word such as `a` would be found everywhere.
        let mut found = text.match_indices(subject).filter(|_| subject.len() > 2);
        found.find_map(|(start, _)| {
            let end = start + subject.len();
            let after = text[end..].chars().next();
            let is_whole = after.is_none_or(|character| !is_part(character));
            (is_whole && is_start(start)).then_some((start, end))
        })
    };
    // The longer one where two begin at one place: a URL below the subject is another name.
    url.chain(own())
        .min_by_key(|(start, end)| (*start, usize::MAX - end))
}

/// Whether a character belongs to a name.
fn is_part(character: char) -> bool {
    !(character.is_whitespace() || ":;,\"'`()<>".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(subject: &str, texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        sentence(subject, &texts)
    }

    #[test]
    fn a_name_is_said_once() {
        let url = "http://example.org/p.deb";
        for (subject, texts, told) in [
            (
                url,
                &[
                    "cannot get package http://example.org/p.deb",
                    "http://example.org/p.deb: cannot GET http://example.org/p.deb: status 404",
                ][..],
                "cannot get it: cannot GET it: status 404",
            ),
            (
                "",
                &["cannot GET http://example.org/p.deb", "no route"],
                "cannot GET http://example.org/p.deb: no route",
            ),
            (
                url,
                &["the answer of http://example.org/p.deb makes no sense"],
                "its answer makes no sense",
            ),
            (
                "http://example.org/",
                &["cannot GET http://example.org/p.deb: x"],
                "cannot GET http://example.org/p.deb: x",
            ),
            (
                url,
                &["http://example.com/q is no copy of http://example.org/p.deb"],
                "http://example.com/q is no copy of p.deb",
            ),
            (
                "/a/b",
                &["cannot read /a/b", "denied"],
                "cannot read it: denied",
            ),
            ("/a/b", &["cannot read /a/b.c"], "cannot read /a/b.c"),
            ("a", &["a is a"], "a is a"),
            ("", &["", "x"], "x"),
        ] {
            assert_eq!(say(subject, texts), told);
        }
    }

    #[test]
    fn nothing_is_lost_of_odd_texts() {
        for text in [
            "http://",
            "äöü http://x",
            ":http://x:",
            "xhttp://x http://x",
        ] {
            assert_eq!(say("", &[text]), text);
        }
    }
}
