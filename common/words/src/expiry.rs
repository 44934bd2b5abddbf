//! How long a record may be relied on.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::digest::FromStrVisitor;

/// The day on which a record, or an archive that relies on records, stops being good.
///
/// A date means 00:00:00 of that day, local time, as in the original: a record that
/// `expires` today has expired. In JSON a missing or `null` member is [`Expiry::Never`].
/// The order is "lives longer": every date is less than `Never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expiry {
    /// Expires at the start of this day.
    On(Date),
    /// Does not expire.
    #[default]
    Never,
}

impl Expiry {
    /// Whether this has expired at (the start of) `day`.
    pub fn is_expired_at(self, day: Date) -> bool {
        match self {
            Self::On(date) => date <= day,
            Self::Never => false,
        }
    }

    /// Whether something that must live until `needed` may rely on a record that expires at `self`.
    ///
    /// Without a date for the archive only records that never expire do; with date D those
    /// that never expire, or expire on or after D.
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }

    /// Whether this is [`Expiry::Never`].
    pub fn is_never(&self) -> bool {
        *self == Self::Never
    }

    /// The date, if there is one.
    pub fn date(self) -> Option<Date> {
        match self {
            Self::On(date) => Some(date),
            Self::Never => None,
        }
    }
}

/// Writes `YYYY-MM-DD`, or `never`.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(date) => fmt::Display::fmt(date, f),
            Self::Never => f.write_str("never"),
        }
    }
}

/// Why a text is no expiry date.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not a date of the form YYYY-MM-DD (or \"never\")")]
pub struct ParseExpiryError(pub String);

impl FromStr for Expiry {
    type Err = ParseExpiryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" {
            return Ok(Self::Never);
        }
        parse_date(text).map(Self::On)
    }
}

/// Parses exactly `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Result<Date, ParseExpiryError> {
    let error = || ParseExpiryError(text.to_owned());
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(error());
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().map_err(|_| error());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let small = |n: i16| i8::try_from(n).map_err(|_| error());
    Date::new(year, small(month)?, small(day)?).map_err(|_| error())
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::On(_) => serializer.collect_str(self),
            Self::Never => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OptionalDate;

        impl<'de> de::Visitor<'de> for OptionalDate {
            type Value = Expiry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date YYYY-MM-DD, or null")
            }

            fn visit_none<E: de::Error>(self) -> Result<Expiry, E> {
                Ok(Expiry::Never)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Expiry, E> {
                Ok(Expiry::Never)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Expiry, D::Error> {
                deserializer.deserialize_str(FromStrVisitor::new("a date YYYY-MM-DD"))
            }
        }

        deserializer.deserialize_option(OptionalDate)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_means_the_start_of_that_day() {
        let expiry = Expiry::On(date(2019, 6, 1));
        assert!(!expiry.is_expired_at(date(2019, 5, 31)));
        assert!(expiry.is_expired_at(date(2019, 6, 1)));
        assert!(!Expiry::Never.is_expired_at(date(9999, 12, 31)));
    }

    #[test]
    fn an_archive_relies_only_on_what_lives_as_long() {
        let june = Expiry::On(date(2019, 6, 1));
        let july = Expiry::On(date(2019, 7, 1));
        assert!(Expiry::Never.covers(Expiry::Never));
        assert!(!june.covers(Expiry::Never));
        assert!(june.covers(june));
        assert!(july.covers(june));
        assert!(!june.covers(july));
        assert!(Expiry::Never.covers(june));
    }

    #[test]
    fn null_and_dates_are_read_from_json() {
        assert_eq!(
            serde_json::from_str::<Expiry>("null").unwrap(),
            Expiry::Never
        );
        assert_eq!(
            serde_json::from_str::<Expiry>("\"2019-06-01\"").unwrap(),
            Expiry::On(date(2019, 6, 1))
        );
        for wrong in [
            "\"2019-6-1\"",
            "\"2019-02-30\"",
            "7",
            "\"\"",
            "\"20190601\"",
        ] {
            assert!(serde_json::from_str::<Expiry>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(year in 0_i16..=9999, month in 1_i8..=12, day in 1_i8..=28) {
            let expiry = Expiry::On(date(year, month, day));
            prop_assert_eq!(expiry.to_string().parse::<Expiry>(), Ok(expiry));
        }

        #[test]
        fn any_text_is_parsed_without_panic(text: String) {
            let _parsed = text.parse::<Expiry>();
        }
    }
}
