//! Pax extended headers (POSIX.1-2001), parsed by the length that begins each record.
//!
//! Values may hold any byte, newlines included. Cutting records at newlines instead would lose
//! such values, and let one that contains ` 30 path=../../evil` rename its member.

use std::collections::BTreeMap;

use super::super::entry::Timestamp;

/// What records say about a member. `None` and empty where they say nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) group: Option<Vec<u8>>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) atime: Option<Timestamp>,
    pub(super) device: (Option<u32>, Option<u32>),
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: SparseRecords,
}

/// The `GNU.sparse.*` records, of all three versions.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseRecords {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    pub(super) map: Option<Vec<(u64, u64)>>,
    pending_offset: Option<u64>,
}

/// Why an extended header is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes of the header before the record.
    pub(super) offset: u64,
    pub(super) reason: String,
    /// Whether there is no record at all, in contrast to one that makes no sense. All records
    /// before it were applied.
    pub(super) is_no_record: bool,
}

impl Attributes {
    /// Adds the records of a whole extended header; later ones win, empty ones delete.
    pub(super) fn apply(&mut self, data: &[u8]) -> Result<(), Fault> {
        let mut rest = data;
        while !rest.is_empty() {
            let offset = (data.len() - rest.len()) as u64;
            let fault = |reason: &str| Fault {
                offset,
                reason: reason.to_owned(),
                is_no_record: true,
            };
            let (keyword, value, after) = record(rest).map_err(fault)?;
            self.set(keyword, value).map_err(|what| Fault {
                offset,
                reason: format!("{what} in the record {}", keyword.escape_ascii()),
                is_no_record: false,
            })?;
            rest = after;
        }
        Ok(())
    }

    /// Bytes that are kept in memory.
    pub(super) fn kept_bytes(&self) -> usize {
        let texts = [
            &self.path,
            &self.link_path,
            &self.user,
            &self.group,
            &self.sparse.name,
        ];
        let map = self.sparse.map.as_ref().map_or(0, Vec::len) * 16;
        let xattrs = self
            .xattrs
            .iter()
            .map(|(name, value)| name.len() + value.len() + 32);
        texts
            .iter()
            .map(|text| text.as_ref().map_or(0, Vec::len))
            .sum::<usize>()
            + map
            + xattrs.sum::<usize>()
    }

    fn set(&mut self, keyword: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match keyword {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link_path = name(value)?,
            b"size" => self.size = optional_number(value)?,
            // A wrong owner or time is no reason to refuse the content: the header's counts.
            b"uid" => self.uid = number(value),
            b"gid" => self.gid = number(value),
            b"uname" => self.user = name(value)?,
            b"gname" => self.group = name(value)?,
            b"mtime" => self.mtime = timestamp(value),
            b"atime" => self.atime = timestamp(value),
            b"SCHILY.devmajor" => self.device.0 = small_number(value),
            b"SCHILY.devminor" => self.device.1 = small_number(value),
            _ => {
                if let Some(attribute) = keyword.strip_prefix(b"SCHILY.xattr.") {
                    self.xattrs
                        .insert(unescape(attribute, b"%="), value.to_vec());
                } else if let Some(attribute) = keyword.strip_prefix(b"LIBARCHIVE.xattr.") {
                    let value = base64(value).ok_or("broken base64")?;
                    // bsdtar writes both, and the other one is not encoded.
                    let every: Vec<u8> = (0..=255).collect();
                    self.xattrs
                        .entry(unescape(attribute, &every))
                        .or_insert(value);
                } else if let Some(keyword) = keyword.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(keyword, value)?;
                }
            }
        }
        Ok(())
    }
}

impl SparseRecords {
    fn set(&mut self, keyword: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match keyword {
            b"major" => self.major = optional_number(value)?,
            b"minor" => self.minor = optional_number(value)?,
            b"name" => self.name = name(value)?,
            b"size" | b"realsize" => self.real_size = optional_number(value)?,
            b"map" => self.map = Some(map(value).ok_or("a broken map")?),
            // Version 0.0: as many pairs of records as there are extents.
            b"offset" => {
                self.pending_offset = Some(number(value).ok_or("a broken number")?);
            }
            b"numbytes" => {
                let offset = self
                    .pending_offset
                    .take()
                    .ok_or("a length without an offset")?;
                let length = number(value).ok_or("a broken number")?;
                self.map.get_or_insert_default().push((offset, length));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A keyword, its value, and what follows the record.
type Record<'d> = (&'d [u8], &'d [u8], &'d [u8]);

/// Splits off one record: `LENGTH KEYWORD=VALUE\n`, where LENGTH counts the whole of it.
fn record(data: &[u8]) -> Result<Record<'_>, &'static str> {
    let digits = data
        .iter()
        .take(20)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = number(&data[..digits]).ok_or("a record does not begin with its length")?;
    if data.get(digits) != Some(&b' ') {
        return Err("a record has no space after its length");
    }
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length > digits + 1);
    let (record, rest) = length
        .and_then(|length| data.split_at_checked(length))
        .ok_or("a record's length is wrong")?;
    let (body, end) = record[digits + 1..].split_at(record.len() - digits - 2);
    if end != b"\n" {
        return Err("a record does not end with a newline");
    }
    let equals = body
        .iter()
        .position(|&byte| byte == b'=')
        .ok_or("a record has no `=`")?;
    if equals == 0 {
        return Err("a record has no keyword");
    }
    Ok((&body[..equals], &body[equals + 1..], rest))
}

/// A name; readers that end it at a NUL would see another one.
fn name(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("a name with a NUL");
    }
    Ok(Some(value)
        .filter(|value| !value.is_empty())
        .map(<[u8]>::to_vec))
}

fn optional_number(value: &[u8]) -> Result<Option<u64>, &'static str> {
    if value.is_empty() {
        return Ok(None);
    }
    number(value).map(Some).ok_or("a broken number")
}

fn small_number(value: &[u8]) -> Option<u32> {
    number(value).and_then(|value| u32::try_from(value).ok())
}

/// Decimal digits and nothing else.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Seconds with any number of decimals, maybe negative; rounded down to nanoseconds.
fn timestamp(value: &[u8]) -> Option<Timestamp> {
    let (negative, value) = value
        .strip_prefix(b"-")
        .map_or((false, value), |value| (true, value));
    let dot = value
        .iter()
        .position(|&byte| byte == b'.')
        .unwrap_or(value.len());
    let fraction = value.get(dot + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place| {
        fraction
            .get(place)
            .map_or(0, |&digit| u32::from(digit - b'0'))
    };
    let nanoseconds = (0..9).fold(0, |value, place| value * 10 + digit(place));
    let finer = fraction.iter().skip(9).any(|&digit| digit != b'0');
    let whole = i128::from(number(&value[..dot])?);
    let below = nanoseconds + u32::from(finer);
    let (seconds, nanoseconds) = match (negative, below) {
        (false, _) => (whole, nanoseconds),
        (true, 0) => (-whole, 0),
        (true, below) => (-whole - 1, 1_000_000_000 - below),
    };
    Some(Timestamp {
        seconds: i64::try_from(seconds).ok()?,
        nanoseconds,
    })
}

/// Version 0.1: `OFFSET,LENGTH,OFFSET,LENGTH...`.
fn map(value: &[u8]) -> Option<Vec<(u64, u64)>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let numbers: Option<Vec<u64>> = value.split(|&byte| byte == b',').map(number).collect();
    let numbers = numbers?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| {
        pairs
            .iter()
            .map(|&[offset, length]| (offset, length))
            .collect()
    })
}

/// Decodes `%XX` for the given bytes: GNU tar writes `=` and `%` of attribute names so, bsdtar
/// whatever it likes.
fn unescape(name: &[u8], escaped: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits
            .filter(|digits| byte == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|decoded| escaped.contains(decoded));
        out.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    out
}

fn base64(value: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let end = value
        .iter()
        .rposition(|&byte| byte != b'=')
        .map_or(0, |last| last + 1);
    STANDARD_NO_PAD.decode(&value[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(data: &[u8]) -> Result<Attributes, Fault> {
        let mut attributes = Attributes::default();
        attributes.apply(data).map(|()| attributes)
    }

    #[test]
    fn values_with_newlines_cannot_rename_the_member() {
        let value = b"a\n17 path=../evil\nb";
        let record = [b"40 SCHILY.xattr.user.acl=".as_slice(), value].concat();
        let record = [
            format!("{}", record.len() + 1).as_bytes(),
            &record[2..],
            b"\n",
        ]
        .concat();
        let found = parsed(&record).unwrap();
        assert_eq!(found.path, None);
        assert_eq!(found.xattrs[b"user.acl".as_slice()], value);
    }

    #[test]
    fn broken_records_are_refused() {
        for data in [
            b"x".as_slice(),
            b"99 path=a\n",
            b"8 path=a\n",
            b"10 path=aaX",
            b"10 pathaaa\n",
            b"6 =aa\n",
            b"0 path=a\n",
            b"2 \n",
            b"1\n",
            b"99999999999999999999999999 path=a\n",
            b"12 path=a\0b\n",
            b"11 size=-1\n",
        ] {
            assert!(parsed(data).is_err(), "{}", data.escape_ascii());
        }
        assert!(parsed(b"").is_ok());
        assert_eq!(
            parsed(b"9 path=a\n8 path=\n").unwrap().path,
            None,
            "empty deletes"
        );
    }

    #[test]
    fn times_before_1970_are_rounded_down() {
        let at = |seconds, nanoseconds| {
            Some(Timestamp {
                seconds,
                nanoseconds,
            })
        };
        assert_eq!(timestamp(b"1.5"), at(1, 500_000_000));
        assert_eq!(timestamp(b"-1.5"), at(-2, 500_000_000));
        assert_eq!(timestamp(b"-1"), at(-1, 0));
        assert_eq!(timestamp(b"-0.0000000001"), at(-1, 999_999_999));
        assert_eq!(timestamp(b"7.1234567899"), at(7, 123_456_789));
        assert_eq!(
            timestamp(b"9223372036854775807.9"),
            at(i64::MAX, 900_000_000)
        );
        assert_eq!(
            timestamp(b"-9223372036854775807.9"),
            at(i64::MIN, 100_000_000)
        );
        for broken in [
            b"".as_slice(),
            b"-",
            b".5",
            b"1e5",
            b"1.x",
            b"99999999999999999999",
        ] {
            assert_eq!(timestamp(broken), None);
        }
    }

    #[test]
    fn attribute_names_are_unescaped_as_gnu_tar_escapes_them() {
        assert_eq!(unescape(b"user.a%3Db%25c%20%3", b"%="), b"user.a=b%c%20%3");
    }
}
