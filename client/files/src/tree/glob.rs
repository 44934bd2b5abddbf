//! One glob pattern, matched on bytes.

/// A pattern cut into what its components must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    parts: Vec<Part>,
    only_directories: bool,
}

/// What a pattern without special characters stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// One path, with `/` between its components.
    Path(Vec<u8>),
    /// Whatever has this name, at any depth.
    Name(Vec<u8>),
}

/// Where a pattern is looked for that has no slash, or only one at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unslashed {
    /// At any depth.
    AnyDepth,
    /// In the root only.
    InRoot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of components.
    AnyDepth,
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`: any character.
    Any,
    /// `*`: any characters.
    Star,
    /// `[...]`: one character in, or not in, these ranges.
    Class {
        negated: bool,
        ranges: Vec<(u32, u32)>,
    },
}

impl Glob {
    /// Parses a pattern; the error says what is wrong with it.
    ///
    /// If it begins with the absolute path of one of `roots`, given as their components, only the
    /// rest counts.
    pub(super) fn parse(
        pattern: &[u8],
        unslashed: Unslashed,
        roots: &[Vec<Vec<u8>>],
    ) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut only_directories = false;
        for component in pattern.split(|byte| *byte == b'/') {
            // A slash at the end leaves an empty last component.
            only_directories = component.is_empty() && !parts.is_empty();
            match component {
                b"" | b"." => {}
                b".." => return Err("'..' leads out of the directory"),
                b"**" if parts.last() == Some(&Part::AnyDepth) => {}
                b"**" => parts.push(Part::AnyDepth),
                _ => parts.push(Part::Name(parse_name(component)?)),
            }
        }
        if pattern.starts_with(b"/") {
            strip_root(&mut parts, roots);
        }
        match parts.last() {
            None => return Err("it names nothing below the directory"),
            // What a directory holds, but not the directory: at least one component.
            Some(Part::AnyDepth) => parts.push(Part::Name(vec![Token::Star])),
            Some(Part::Name(_)) => {}
        }
        if unslashed == Unslashed::AnyDepth
            && !has_inner_slash(pattern)
            && parts.first() != Some(&Part::AnyDepth)
        {
            parts.insert(0, Part::AnyDepth);
        }
        Ok(Self {
            parts,
            only_directories,
        })
    }

    /// What it stands for, if it has no special characters.
    pub(super) fn literal(&self) -> Option<Literal> {
        if let [Part::AnyDepth, Part::Name(tokens)] = &self.parts[..] {
            return literal_name(tokens).map(Literal::Name);
        }
        let prefix = self.literal_prefix();
        (prefix.len() == self.parts.len()).then(|| Literal::Path(prefix.join(&b'/')))
    }

    /// The leading components that have no special characters.
    pub(super) fn literal_prefix(&self) -> Vec<Vec<u8>> {
        let names = self.parts.iter().map_while(|part| match part {
            Part::AnyDepth => None,
            Part::Name(tokens) => literal_name(tokens),
        });
        names.collect()
    }

    /// Whether only directories match.
    pub(super) fn only_directories(&self) -> bool {
        self.only_directories
    }

    /// Whether the pattern matches the whole of `path`.
    pub(super) fn matches(&self, path: &[&[u8]], is_directory: bool) -> bool {
        (is_directory || !self.only_directories)
            && match_sequence(
                &self.parts,
                path,
                |part| *part == Part::AnyDepth,
                |part, names| match part {
                    Part::AnyDepth => Some(1),
                    Part::Name(tokens) => match_name(tokens, names.first()?).then_some(1),
                },
                |_| 1,
            )
    }
}

/// Whether there is a slash that is not at the end.
pub(super) fn has_inner_slash(pattern: &[u8]) -> bool {
    let end = pattern.iter().rposition(|byte| *byte != b'/');
    end.is_some_and(|end| pattern[..end].contains(&b'/'))
}

fn strip_root(parts: &mut Vec<Part>, roots: &[Vec<Vec<u8>>]) {
    let is_below = |root: &&Vec<Vec<u8>>| {
        root.len() <= parts.len()
            && root.iter().zip(parts.iter()).all(|(name, part)| {
                matches!(part, Part::Name(tokens) if literal_name(tokens).as_ref() == Some(name))
            })
    };
    if let Some(length) = roots.iter().filter(is_below).map(Vec::len).max() {
        parts.drain(..length);
    }
}

fn literal_name(tokens: &[Token]) -> Option<Vec<u8>> {
    let bytes = tokens.iter().map(|token| match token {
        Token::Byte(byte) => Some(*byte),
        _ => None,
    });
    bytes.collect()
}

fn match_name(tokens: &[Token], name: &[u8]) -> bool {
    match_sequence(
        tokens,
        name,
        |token| *token == Token::Star,
        |token, rest| match token {
            Token::Byte(wanted) => (rest.first() == Some(wanted)).then_some(1),
            Token::Any | Token::Star => Some(first_character(rest).1),
            Token::Class { negated, ranges } => {
                let (character, length) = first_character(rest);
                let mut ranges = ranges.iter();
                let is_in = ranges.any(|(low, high)| (*low..=*high).contains(&character));
                (is_in != *negated).then_some(length)
            }
        },
        |rest| first_character(rest).1,
    )
}

/// The first character of `bytes`, which are not empty, and how many bytes it has. A byte that is
/// not part of UTF-8 is a character of its own, beyond those of Unicode.
fn first_character(bytes: &[u8]) -> (u32, usize) {
    const BEYOND_UNICODE: u32 = 0x11_0000;
    let Some(first) = bytes.first() else {
        return (BEYOND_UNICODE, 1);
    };
    let length = match first {
        0..0x80 => return (u32::from(*first), 1),
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let text = bytes.get(..length).map(std::str::from_utf8);
    match text.and_then(Result::ok).and_then(|it| it.chars().next()) {
        Some(character) => (character.into(), length),
        None => (BEYOND_UNICODE + u32::from(*first), 1),
    }
}

/// Matches all of `items`. A star takes any number of them, `step` at a time; all else takes as
/// many as `takes` says of the items that are left, or does not match.
///
/// Only the last star is ever reconsidered, so the time is bounded by the product of the lengths.
fn match_sequence<P, I>(
    pattern: &[P],
    items: &[I],
    is_star: impl Fn(&P) -> bool,
    takes: impl Fn(&P, &[I]) -> Option<usize>,
    step: impl Fn(&[I]) -> usize,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = &items[item..];
        match pattern.get(at) {
            Some(star) if is_star(star) => {
                retry = Some((at + 1, item));
                at += 1;
                continue;
            }
            None if rest.is_empty() => return true,
            Some(one) if !rest.is_empty() => {
                if let Some(taken) = takes(one, rest) {
                    at += 1;
                    item += taken;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((after_star, from)) if from < items.len() => {
                let from = from + step(&items[from..]);
                retry = Some((after_star, from));
                (at, item) = (after_star, from);
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

/// Reads what follows `[`, up to and with `]`. A `]` that comes first is an ordinary character.
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
        let (low, after) = class_character(rest).ok_or(UNCLOSED)?;
        rest = after;
        let mut high = low;
        if let [b'-', after @ ..] = rest
            && !after.starts_with(b"]")
        {
            (high, rest) = class_character(after).ok_or(UNCLOSED)?;
        }
        if high < low {
            return Err("a range in '[...]' runs backwards");
        }
        ranges.push((low, high));
    }
}

fn class_character(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = match text {
        [b'\\', rest @ ..] if !rest.is_empty() => rest,
        [] => return None,
        _ => text,
    };
    let (character, length) = first_character(text);
    Some((character, &text[length..]))
}

#[cfg(test)]
mod tests;
