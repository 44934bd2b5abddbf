//! The answer to a look-up as JSON, byte for byte as `serde_json` writes it.
//!
//! An answer may name thousands of packages, and writing them is most of the work of such a
//! look-up; so they are written by hand, into one piece of memory.

use super::LookupResponse;
use hashget_words::package_summary::PackageSummary;

/// About how long a package is.
const PACKAGE_BYTES: usize = 320;
/// About how long a digest that was found is.
const DIGEST_BYTES: usize = 16;

/// Places of keys in a question, and those of their packages in the answer.
type Places = [(u32, Vec<u32>)];

impl LookupResponse {
    /// The JSON of the answer with these packages and places.
    pub fn to_json<'a>(
        packages: impl ExactSizeIterator<Item = &'a PackageSummary>,
        digests: &Places,
        signatures: &Places,
    ) -> Vec<u8> {
        let keys = digests.len() + signatures.len();
        let room = 64 + packages.len() * PACKAGE_BYTES + keys * DIGEST_BYTES;
        let mut out = Vec::with_capacity(room);
        out.extend_from_slice(b"{\"packages\":");
        put_list(&mut out, packages, put_package);
        out.extend_from_slice(b",\"digests\":");
        put_list(&mut out, digests.iter(), put_places);
        out.extend_from_slice(b",\"signatures\":");
        put_list(&mut out, signatures.iter(), put_places);
        out.push(b'}');
        out
    }
}

fn put_list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
}

fn put_places(out: &mut Vec<u8>, (key, packages): &(u32, Vec<u32>)) {
    out.push(b'[');
    put_number(out, u64::from(*key));
    out.push(b',');
    put_list(out, packages.iter(), |out, place| {
        put_number(out, u64::from(*place));
    });
    out.push(b']');
}

fn put_package(out: &mut Vec<u8>, package: &PackageSummary) {
    out.extend_from_slice(b"{\"id\":");
    put_number(out, package.id.0);
    out.extend_from_slice(b",\"project\":");
    put_text(out, package.project.as_str());
    out.extend_from_slice(b",\"url\":");
    put_text(out, &package.url);
    out.extend_from_slice(b",\"sha256\":");
    match &package.sha256 {
        Some(digest) => {
            out.push(b'"');
            out.extend_from_slice(&digest.hex());
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"size\":");
    match package.size {
        Some(size) => put_number(out, size),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"expires\":");
    match package.expires.date() {
        Some(date) => put_text(out, &date.to_string()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"files\":");
    put_number(out, package.files);
    out.extend_from_slice(b",\"anchors\":");
    put_number(out, package.anchors);
    out.push(b'}');
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // All are looked at before one counts: so many are looked at a time.
    let special = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"' || byte == b'\\');
    if text.bytes().fold(0, |any, byte| any | special(byte)) == 0 {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.bytes().for_each(|byte| put_byte(out, byte));
    }
    out.push(b'"');
}

fn put_byte(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..0x20 => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            return out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use hashget_words::digest::Digest;
    use hashget_words::expiry::Expiry;
    use hashget_words::package_summary::PackageId;

    fn package() -> impl Strategy<Value = PackageSummary> {
        let numbers = any::<(u64, u64, u64, Option<u64>)>();
        let url = prop_oneof![
            "(?s).{0,40}",
            "[\\x00-\\x7f]{0,40}",
            "http://[a-z/._-]{0,80}"
        ];
        (numbers, any::<Option<[u8; 32]>>(), 0_i8..28, url).prop_map(
            |((id, files, anchors, size), sha256, day, url)| PackageSummary {
                id: PackageId(id),
                project: "p-1".parse().unwrap(),
                url,
                sha256: sha256.map(Digest::from_bytes),
                size,
                expires: match day {
                    0 => Expiry::Never,
                    day => Expiry::On(date(2031, 2, day)),
                },
                files,
                anchors,
            },
        )
    }

    fn places() -> impl Strategy<Value = Vec<(u32, Vec<u32>)>> {
        vec((any::<u32>(), vec(any::<u32>(), 0..5)), 0..10)
    }

    proptest! {
        #[test]
        fn answers_are_what_serde_writes(
            packages in vec(package(), 0..10),
            digests in places(),
            signatures in places(),
        ) {
            let json = LookupResponse::to_json(packages.iter(), &digests, &signatures);
            let answer = LookupResponse { packages, digests, signatures };
            let json = String::from_utf8(json).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&answer).unwrap());
        }
    }

    #[test]
    fn every_character_and_the_ends_of_numbers_are_written_as_serde_does() {
        let all: String = (0..0x180_u32).filter_map(char::from_u32).collect();
        let mut text = Vec::new();
        put_text(&mut text, &all);
        assert_eq!(text, serde_json::to_vec(&all).unwrap());
        for number in [0, 9, 10, 99, 100, u64::MAX] {
            let mut digits = Vec::new();
            put_number(&mut digits, number);
            assert_eq!(digits, number.to_string().into_bytes());
        }
    }
}
