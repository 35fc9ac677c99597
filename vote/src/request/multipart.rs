//! Converts `multipart/form-data` (RFC 7578), as `curl -F` and many scripts send it, to the usual encoding of forms.
//! Bodies are short and in memory; a file counts as its content.

use http::{HeaderMap, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// The media type.
const MULTIPART: &str = "multipart/form-data";
/// The longest boundary there is (RFC 2046).
const MAX_BOUNDARY_BYTES: usize = 70;
/// The most parts that are read.
const MAX_PARTS: usize = 100;

/// The boundary, if the body is `multipart/form-data`.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parameters = value.split(';');
    if !parameters.next()?.trim().eq_ignore_ascii_case(MULTIPART) {
        return None;
    }
    let boundary = parameters.find_map(|parameter| parameter_named(parameter, "boundary"))?;
    (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()).then_some(boundary)
}

/// The form as `application/x-www-form-urlencoded`; `None` if its end is missing or it is no such form. Malformed parts
/// are skipped.
pub(crate) fn urlencoded(body: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter may be at the very beginning.
    let body = [b"\r\n", body].concat();
    let mut form = Vec::with_capacity(body.len());
    let parts: Vec<&[u8]> = split(&body, &delimiter).skip(1).take(MAX_PARTS + 1).collect();
    // `--` follows the last delimiter; without it something is missing.
    let complete = parts.iter().position(|part| part.starts_with(b"--"))?;
    for (name, value) in parts[..complete].iter().filter_map(|part| field(part)) {
        for text in [&b"&"[..], percent(name.as_bytes()).as_bytes(), b"=", percent(value).as_bytes()] {
            form.extend_from_slice(text);
        }
    }
    Some(form)
}

/// Name and value of one part: lines that describe it, an empty line, the value.
fn field(part: &[u8]) -> Option<(String, &[u8])> {
    let part = part.strip_prefix(b"\r\n")?;
    let mut halves = split(part, b"\r\n\r\n");
    let head = str::from_utf8(halves.next()?).ok()?;
    let value = part.get(head.len() + 4..)?;
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = disposition.split(';').find_map(|parameter| parameter_named(parameter, "name"))?;
    Some((name, value))
}

/// The value of ` name="value"`, with or without quotes.
fn parameter_named(parameter: &str, wanted: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
}

fn split<'a>(mut rest: &'a [u8], delimiter: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let Some(at) = rest.windows(delimiter.len()).position(|window| window == delimiter) else {
            ended = true;
            return Some(rest);
        };
        let (part, behind) = (&rest[..at], &rest[at + delimiter.len()..]);
        rest = behind;
        Some(part)
    })
}

fn percent(bytes: &[u8]) -> String {
    percent_encode(bytes, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn the_boundary_is_found_with_or_without_quotes() {
        assert_eq!(boundary(&typed("multipart/form-data; boundary=-x-7")).as_deref(), Some("-x-7"));
        assert_eq!(boundary(&typed("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"")).as_deref(), Some("a b"));
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for other in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=x", &long] {
            assert_eq!(boundary(&typed(other)), None, "{other}");
        }
    }

    #[test]
    fn a_form_of_several_parts_is_the_same_form() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"vote\"\r\n\r\na\r\n--x\r\n\
                    content-disposition: form-data; name=\"q\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\n\
                    é & \r\n--y\r\n\r\n1\r\n--x--\r\n";
        assert_eq!(
            String::from_utf8(urlencoded(body.as_bytes(), "x").unwrap()).unwrap(),
            "&vote=a&q=%C3%A9%20%26%20%0D%0A%2D%2Dy%0D%0A%0D%0A1"
        );
    }

    #[test]
    fn what_is_malformed_holds_no_field() {
        for body in ["", "--x", "--x\r\n\r\na", "vote=a", "--x\r\n\r\n--x\r\n"] {
            assert_eq!(urlencoded(body.as_bytes(), "x"), None, "{body:?}");
        }
        for body in ["--x--", "--x\r\nname=vote\r\n\r\na\r\n--x--"] {
            assert_eq!(urlencoded(body.as_bytes(), "x").as_deref(), Some(&b""[..]), "{body:?}");
        }
        let cut_off = "--x\r\nContent-Disposition: form-data; name=\"vote\"\r\n\r\na";
        assert_eq!(urlencoded(cut_off.as_bytes(), "x"), None, "its end is missing");
    }
}
