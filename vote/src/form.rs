//! Reading a posted form: `vote=a`, with `vote` repeated for several choices. Other fields are passed over.
//!
//! Stricter than browsers need: what is not well-formed is refused rather than guessed at.

use std::borrow::Cow;

use domain::{Choices, ChoicesError};

/// Why a form is no ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A `%` without two hexadecimal digits behind it.
    PercentEncoding,
    /// Well-formed, and no ballot.
    Choices(ChoicesError),
}

/// The choices in the form's `vote` fields.
pub(crate) fn choices(form: &[u8]) -> Result<Choices, FormError> {
    let form = str::from_utf8(form).map_err(|_| FormError::NotUtf8)?;
    let mut keys = Vec::with_capacity(1);
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if name == "vote" {
            keys.push(value);
        }
    }
    Choices::parse(keys.iter().map(AsRef::as_ref)).map_err(FormError::Choices)
}

/// Takes out `+` and percent-encoding (WHATWG URL, section 5.1).
fn decode(text: &str) -> Result<Cow<'_, str>, FormError> {
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (bytes.next().and_then(hex_digit), bytes.next().and_then(hex_digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormError::PercentEncoding),
            },
            byte => byte,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| FormError::NotUtf8)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<String, FormError> {
        choices(form.as_bytes()).map(|choices| choices.to_string())
    }

    #[test]
    fn votes_are_found_among_other_fields_however_they_are_encoded() {
        for (form, expected) in [
            ("vote=a", "a"),
            ("vote=a&vote=c", "ac"),
            ("x=1&&vote=%62&y", "b"),
            ("%76ote=a", "a"),
            ("q=%C3%A9+%26&vote=z", "z"),
        ] {
            assert_eq!(read(form).as_deref(), Ok(expected), "{form}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_wherever_it_stands() {
        for form in ["vote=%", "vote=%4", "vote=%zz", "vote=a&x=%f", "%+1=x&vote=a"] {
            assert_eq!(read(form), Err(FormError::PercentEncoding), "{form}");
        }
        assert_eq!(read("vote=a&x=%ff"), Err(FormError::NotUtf8));
        assert_eq!(choices(b"vote=\xff"), Err(FormError::NotUtf8));
    }

    #[test]
    fn a_form_without_a_choice_is_no_ballot() {
        for form in ["", "&&", "x=a", "VOTE=a"] {
            assert_eq!(read(form), Err(FormError::Choices(ChoicesError::Empty)), "{form}");
        }
        for form in ["vote=", "vote", "vote=ab", "vote=A", "vote=+a"] {
            assert_eq!(read(form), Err(FormError::Choices(ChoicesError::NotAKey)), "{form}");
        }
        assert_eq!(read("vote=a&vote=a"), Err(FormError::Choices(ChoicesError::Twice('a'))));
    }
}
