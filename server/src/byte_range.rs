//! The `Range` header: one range of bytes.

/// Which part of a file to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: no range was asked for, or none that this server understands (as RFC 9110
    /// has it, section 14.2); several ranges in one request are among those.
    Whole,
    Range {
        /// The first one.
        start: u64,
        /// How many; at least one.
        bytes: u64,
    },
    /// None of the file's bytes are in the range.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes.
pub(crate) fn parse(header: &str, size: u64) -> Part {
    let parsed = header
        .split_once('=')
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
        .and_then(|(_, range)| range.trim().split_once('-'));
    match parsed {
        Some(("", suffix)) => number(suffix).map_or(Part::Whole, |wanted| {
            let bytes = wanted.min(size);
            part(size - bytes, bytes)
        }),
        Some((first, "")) => number(first).map_or(Part::Whole, |start| from(start, u64::MAX, size)),
        Some((first, last)) => match (number(first), number(last)) {
            (Some(start), Some(end)) if start <= end => from(start, end, size),
            _ => Part::Whole,
        },
        None => Part::Whole,
    }
}

fn from(start: u64, last: u64, size: u64) -> Part {
    if start >= size {
        return Part::Unsatisfiable;
    }
    part(start, last.min(size - 1) - start + 1)
}

fn part(start: u64, bytes: u64) -> Part {
    if bytes == 0 {
        return Part::Unsatisfiable;
    }
    Part::Range { start, bytes }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number beyond 64 bits is beyond any file.
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        let range = |start, bytes| Part::Range { start, bytes };
        for (header, part) in [
            ("bytes=0-0", range(0, 1)),
            ("bytes=2-4", range(2, 3)),
            ("bytes=5-", range(5, 5)),
            ("bytes=5-99999999999999999999999999", range(5, 5)),
            ("bytes=-3", range(7, 3)),
            ("bytes=-30", range(0, 10)),
            ("Bytes = 1-1", range(1, 1)),
            ("bytes=10-", Part::Unsatisfiable),
            ("bytes=99999999999999999999999999-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
        ] {
            assert_eq!(parse(header, 10), part, "{header}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::Unsatisfiable);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "lines=1-2",
            "bytes=4-2",
            "bytes=0-1,3-4",
            "bytes=a-b",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(header, 10), Part::Whole, "{header}");
        }
    }
}
