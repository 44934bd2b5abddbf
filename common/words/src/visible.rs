//! Text of strangers, shown so that it is what it seems to be.

use std::borrow::Cow;

/// Escapes, as `\u{202e}`, what is not seen or changes how the rest is shown: control characters, those that turn
/// the direction of text (Unicode's `Bidi_Control`), separators of lines, and characters without width but
/// the joiners that scripts need. All else stays, a backslash too.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether [`visible`] escapes a character.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}' | '\u{3164}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0100}'..='\u{e01ef}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_escaped_and_nothing_else() {
        for (text, shown) in [
            ("photo\u{202e}gpj.exe", "photo\\u{202e}gpj.exe"),
            ("a\u{2066}b\u{200f}c", "a\\u{2066}b\\u{200f}c"),
            ("one\u{2028}two\n\u{1b}[0m", "one\\u{2028}two\\n\\u{1b}[0m"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ] {
            assert_eq!(visible(text), shown);
        }
        for text in [
            "",
            "größe 文件 עברית",
            "می\u{200c}خواهم",
            "a\\b",
            "👩\u{200d}💻",
        ] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
        }
    }
}
