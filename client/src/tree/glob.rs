//! One glob pattern, matched on bytes.

use hashget_common::rel_path::RelPath;

/// A pattern cut into what its components must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    parts: Vec<Part>,
    only_folders: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of components.
    AnyDepth,
    /// One component.
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`: any byte.
    Any,
    /// `*`: any bytes.
    Star,
    /// `[...]`: one byte in, or not in, these ranges.
    Class {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

impl Glob {
    /// Reads a pattern; says what is wrong with it.
    pub(super) fn parse(pattern: &[u8]) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut only_folders = false;
        for component in pattern.split(|byte| *byte == b'/') {
            // A slash at the end leaves an empty last component.
            only_folders = component.is_empty() && !parts.is_empty();
            match component {
                b"" | b"." => {}
                b".." => return Err("'..' leads out of the folder"),
                b"**" if parts.last() == Some(&Part::AnyDepth) => {}
                b"**" => parts.push(Part::AnyDepth),
                _ => parts.push(Part::Name(parse_name(component)?)),
            }
        }
        match parts.last() {
            None => return Err("it names nothing below the folder"),
            // What a folder holds, but not the folder: at least one component.
            Some(Part::AnyDepth) => parts.push(Part::Name(vec![Token::Star])),
            Some(Part::Name(_)) => {}
        }
        Ok(Self {
            parts,
            only_folders,
        })
    }

    /// The one path that matches, if there is only one, and whether it must be a folder.
    pub(super) fn literal(&self) -> Option<(RelPath, bool)> {
        let mut path = Vec::new();
        for part in &self.parts {
            let Part::Name(tokens) = part else {
                return None;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            for token in tokens {
                let Token::Byte(byte) = token else {
                    return None;
                };
                path.push(*byte);
            }
        }
        Some((RelPath::new(&path).ok()?, self.only_folders))
    }

    /// Whether the pattern matches the whole of `path`.
    pub(super) fn matches(&self, path: &[&[u8]], is_folder: bool) -> bool {
        (is_folder || !self.only_folders)
            && match_sequence(
                &self.parts,
                path,
                |part| *part == Part::AnyDepth,
                |part, name| match part {
                    Part::AnyDepth => true,
                    Part::Name(tokens) => match_name(tokens, name),
                },
            )
    }
}

fn match_name(tokens: &[Token], name: &[u8]) -> bool {
    match_sequence(
        tokens,
        name,
        |token| *token == Token::Star,
        |token, byte| match token {
            Token::Byte(wanted) => wanted == byte,
            Token::Any | Token::Star => true,
            Token::Class { negated, ranges } => {
                ranges
                    .iter()
                    .any(|(low, high)| (low..=high).contains(&byte))
                    != *negated
            }
        },
    )
}

/// Matches all of `items`, where a star takes any number of them and all else takes one.
///
/// Only the last star is ever reconsidered, so the time is bounded by the product of the lengths.
fn match_sequence<P, I>(
    pattern: &[P],
    items: &[I],
    is_star: impl Fn(&P) -> bool,
    takes: impl Fn(&P, &I) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(at) {
            Some(star) if is_star(star) => {
                retry = Some((at + 1, item));
                at += 1;
                continue;
            }
            Some(one) if items.get(item).is_some_and(|i| takes(one, i)) => {
                at += 1;
                item += 1;
                continue;
            }
            None if item == items.len() => return true,
            _ => {}
        }
        match retry {
            Some((after_star, from)) if from < items.len() => {
                retry = Some((after_star, from + 1));
                (at, item) = (after_star, from + 1);
            }
            _ => return false,
        }
    }
}

fn parse_name(component: &[u8]) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::with_capacity(component.len());
    let mut rest = component;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'*' if tokens.last() == Some(&Token::Star) => {}
            b'*' => tokens.push(Token::Star),
            b'?' => tokens.push(Token::Any),
            b'[' => {
                let (class, after) = parse_class(rest)?;
                tokens.push(class);
                rest = after;
            }
            b'\\' => {
                let (byte, after) = rest.split_first().ok_or("it ends in a single backslash")?;
                tokens.push(Token::Byte(*byte));
                rest = after;
            }
            byte => tokens.push(Token::Byte(*byte)),
        }
    }
    Ok(tokens)
}

/// Reads what follows `[`, up to and with `]`. A `]` that comes first is an ordinary byte.
fn parse_class(text: &[u8]) -> Result<(Token, &[u8]), &'static str> {
    const UNCLOSED: &str = "'[' has no ']'; write '\\[' for the character";
    let (negated, mut rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [b']', after @ ..] if !ranges.is_empty() => {
                return Ok((Token::Class { negated, ranges }, after));
            }
            [] => return Err(UNCLOSED),
            _ => {}
        }
        let (low, after) = class_byte(rest).ok_or(UNCLOSED)?;
        rest = after;
        let mut high = low;
        if let [b'-', after @ ..] = rest
            && !after.starts_with(b"]")
        {
            (high, rest) = class_byte(after).ok_or(UNCLOSED)?;
        }
        if high < low {
            return Err("a range in '[...]' runs backwards");
        }
        ranges.push((low, high));
    }
}

fn class_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches_kind(pattern: &str, path: &str, is_folder: bool) -> bool {
        let path = RelPath::new(path.as_bytes()).unwrap();
        let components: Vec<&[u8]> = path.components().collect();
        Glob::parse(pattern.as_bytes())
            .unwrap()
            .matches(&components, is_folder)
    }

    fn matches(pattern: &str, path: &str) -> bool {
        matches_kind(pattern, path, false)
    }

    #[test]
    fn patterns_are_anchored_at_the_root() {
        for spelling in [
            "tmp", "/tmp", "./tmp", "t*", "t?p", "[r-u]mp", "[!a]mp", "\\tmp",
        ] {
            assert!(matches(spelling, "tmp"), "{spelling}");
            assert!(!matches(spelling, "a/tmp"), "{spelling}");
        }
    }

    #[test]
    fn a_double_star_is_any_depth() {
        for path in ["tmp", "a/tmp", "a/b/tmp"] {
            assert!(matches("**/tmp", path), "{path}");
        }
        assert!(!matches("**/tmp", "a/tmpx"));
        assert!(matches("a/**/z", "a/z") && matches("a/**/z", "a/b/c/z"));
        assert!(!matches("a/**", "a") && matches("a/**", "a/b") && matches("a/**", "a/b/c"));
        assert!(matches("**/a/**/b", "x/a/y/a/z/b"));
    }

    #[test]
    fn single_stars_stay_in_one_component() {
        assert!(matches("*.o", "x.o") && matches("*.o", ".o") && !matches("*.o", "a/x.o"));
        assert!(matches("a*b*c", "aXbYbZc") && !matches("a*b*c", "aXbYbZ"));
    }

    #[test]
    fn a_slash_at_the_end_means_folders_only() {
        assert!(matches_kind("tmp/", "tmp", true) && !matches_kind("tmp/", "tmp", false));
    }

    #[test]
    fn special_characters_can_be_escaped() {
        assert!(matches("\\*", "*") && !matches("\\*", "a"));
        assert!(matches("\\[a]", "[a]"));
        assert!(matches("[]a]", "]") && matches("[]a]", "a"));
        assert!(matches("[a-]", "-") && matches("[\\]]", "]"));
    }

    #[test]
    fn bytes_need_not_be_text() {
        let glob = Glob::parse(b"caf\xe9*").unwrap();
        assert!(glob.matches(&[b"caf\xe9\n"], false));
        assert!(!glob.matches(&["café".as_bytes()], false));
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for pattern in [
            "", "/", ".", "../x", "a/..", "[a", "[", "[]", "a\\", "[z-a]",
        ] {
            assert!(Glob::parse(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_path_matches_itself_and_is_literal(name in "[a*?\\[\\]\\\\!\\n-]{1,8}(/[b*]{1,3})?") {
            let escaped: String = name.chars().map(|c| if c == '/' { c.to_string() } else { format!("\\{c}") }).collect();
            let path = RelPath::new(name.as_bytes()).unwrap();
            let glob = Glob::parse(escaped.as_bytes()).unwrap();
            let components: Vec<&[u8]> = path.components().collect();
            prop_assert!(glob.matches(&components, false));
            prop_assert_eq!(glob.literal(), Some((path, false)));
        }

        #[test]
        fn any_pattern_is_parsed_and_matched_without_panic(pattern: Vec<u8>, name: Vec<u8>) {
            if let Ok(glob) = Glob::parse(&pattern) {
                glob.matches(&[&name[..], b"x"], true);
            }
        }
    }
}
