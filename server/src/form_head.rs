//! The beginning of a `multipart/form-data` body (RFC 7578): its short fields, as far as they
//! come before a file.

/// The value of the field `name`, if it is whole within `head`, the first bytes of a body.
///
/// `content_type` is the request's header. A field's value ends where the next line that begins
/// with the boundary does.
pub(crate) fn field(content_type: &str, head: &[u8], name: &str) -> Option<String> {
    let boundary = boundary(content_type)?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter may stand at the very beginning.
    let body = [b"\r\n", head].concat();
    let mut rest = after(&body, delimiter.as_bytes())?;
    loop {
        rest = after(rest, b"\r\n")?;
        let headers_end = find(rest, b"\r\n\r\n").filter(|end| *end <= MAX_HEADERS_BYTES)?;
        let headers = &rest[..headers_end];
        let value = &rest[headers_end + 4..];
        let end = find(value, delimiter.as_bytes())?;
        if is_named(headers, name) {
            return String::from_utf8(value[..end].to_vec()).ok();
        }
        rest = &value[end + delimiter.len()..];
    }
}

/// More headers no sensible part has.
const MAX_HEADERS_BYTES: usize = 8 * 1024;

fn boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next()?;
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parts.find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (1..=70).contains(&value.len()).then_some(value)
}

fn is_named(headers: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(headers);
    text.split("\r\n").any(|line| {
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let is_file = value.contains("filename");
        let quoted = format!("name=\"{name}\"");
        let named = value.split(';').any(|part| part.trim() == quoted);
        key.eq_ignore_ascii_case("content-disposition") && named && !is_file
    })
}

fn after<'a>(bytes: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    find(bytes, what).map(|place| &bytes[place + what.len()..])
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=xyz";
    const BODY: &str = "--xyz\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\n\
        http://example.org/a\r\n--xyz\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n12\r\n\
        --xyz\r\nContent-Disposition: form-data; name=\"package\"; filename=\"url\"\r\n\r\nBYTES";

    #[test]
    fn fields_before_the_file_are_read() {
        let url = field(KIND, BODY.as_bytes(), "url");
        assert_eq!(url.as_deref(), Some("http://example.org/a"));
        let quoted = "Multipart/Form-Data; charset=x; boundary=\"xyz\"";
        assert_eq!(
            field(quoted, BODY.as_bytes(), "size").as_deref(),
            Some("12")
        );
    }

    #[test]
    fn what_is_missing_or_cut_is_none() {
        assert_eq!(field(KIND, BODY.as_bytes(), "package"), None);
        assert_eq!(field("text/plain", BODY.as_bytes(), "url"), None);
        assert_eq!(field("multipart/form-data", BODY.as_bytes(), "url"), None);
        for end in 0..70 {
            assert_eq!(field(KIND, &BODY.as_bytes()[..end], "url"), None, "{end}");
        }
    }
}
