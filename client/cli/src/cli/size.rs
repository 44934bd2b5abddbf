//! Sizes and durations as people read and write them.

use std::fmt;

/// A number of bytes, shown the way the original does: `0`, `482.0`, `1.0M`.
///
/// Units are powers of 1024; one decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

const UNITS: [(u64, char); 4] = [
    (1 << 40, 'T'),
    (1 << 30, 'G'),
    (1 << 20, 'M'),
    (1 << 10, 'K'),
];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let unit = UNITS.into_iter().find(|(unit, _)| self.0 >= *unit);
        let (unit, letter) = unit.map_or((1, None), |(unit, letter)| (unit, Some(letter)));
        let unit = u128::from(unit);
        let tenths = (u128::from(self.0) * 10 + unit / 2) / unit;
        write!(f, "{}.{}", tenths / 10, tenths % 10)?;
        letter.map_or(Ok(()), |letter| write!(f, "{letter}"))
    }
}

/// Reads a number of bytes, with an optional K, M, G or T (powers of 1024).
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size: give bytes, such as 1024, 100K or 2M");
    let last = text
        .chars()
        .next_back()
        .map(|letter| letter.to_ascii_uppercase());
    let unit = UNITS.into_iter().find(|(_, letter)| Some(*letter) == last);
    let (number, unit) = match unit {
        Some((unit, _)) => (&text[..text.len() - 1], unit),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_the_original() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1.0"),
            (482, "482.0"),
            (1023, "1023.0"),
            (1024, "1.0K"),
            (1_048_576, "1.0M"),
            (1_992_294, "1.9M"),
            (1_048_575, "1024.0K"),
            (104_874_548, "100.0M"),
            (1 << 30, "1.0G"),
            (5 << 40, "5.0T"),
            (u64::MAX, "16777216.0T"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_with_units() {
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("100k"), Ok(102_400));
        assert_eq!(parse_size("2M"), Ok(2 << 20));
        for wrong in ["", "-1", "x", "K", "1.5M", "99999999999T", "é"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
