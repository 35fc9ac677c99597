//! Reading posted forms, and queries, which are encoded in the same way.
//!
//! Stricter than browsers need: malformed input is refused, not guessed at.

use std::borrow::Cow;

use crate::refusal::Refusal;

/// Why a form can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A `%` without two hexadecimal digits behind it.
    PercentEncoding,
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        match error {
            FormError::NotUtf8 => Self::NotUtf8,
            FormError::PercentEncoding => Self::PercentEncoding,
        }
    }
}

/// Name and value of a field.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Names and values in order, decoded. A pair that can't be decoded is an error of its own.
pub(crate) fn pairs(form: &[u8]) -> Result<impl Iterator<Item = Result<Pair<'_>, FormError>>, FormError> {
    let form = str::from_utf8(form).map_err(|_| FormError::NotUtf8)?;
    Ok(form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    }))
}

/// A form in which most fields have one value; of several the first counts.
pub(crate) struct Fields<'a>(Vec<Pair<'a>>);

impl<'a> Fields<'a> {
    /// Reads a form, or the query of an address.
    pub(crate) fn read(form: &'a [u8]) -> Result<Self, FormError> {
        pairs(form)?.collect::<Result<_, _>>().map(Self)
    }

    /// The field's value, empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_ref())
    }

    /// All values of the field, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Whether the field is there, as it is for a ticked box.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

/// Decodes `+` and percent-encoding (WHATWG URL, section 5.1).
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

    fn read(form: &[u8]) -> Result<Vec<(String, String)>, FormError> {
        let owned = |(name, value): Pair<'_>| (name.into_owned(), value.into_owned());
        Ok(Fields::read(form)?.0.into_iter().map(owned).collect())
    }

    #[test]
    fn names_and_values_are_decoded_in_order() {
        for (form, expected) in [
            ("", &[][..]),
            ("&&", &[]),
            ("vote=a&vote=c", &[("vote", "a"), ("vote", "c")]),
            ("x=1&&vote=%62&y", &[("x", "1"), ("vote", "b"), ("y", "")]),
            ("%76ote=a=b", &[("vote", "a=b")]),
            ("q=%C3%A9+%26&+=%2B", &[("q", "é &"), (" ", "+")]),
        ] {
            let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(read(form.as_bytes()), Ok(expected), "{form}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_wherever_it_stands() {
        for form in ["vote=%", "vote=%4", "vote=%zz", "vote=a&x=%f", "%+1=x&vote=a"] {
            assert_eq!(read(form.as_bytes()), Err(FormError::PercentEncoding), "{form}");
        }
        for form in [&b"vote=a&x=%ff"[..], b"vote=\xff"] {
            assert_eq!(read(form), Err(FormError::NotUtf8), "{form:?}");
        }
    }

    #[test]
    fn fields_are_found_by_name() {
        let fields = Fields::read(b"question=Tea%3F%0D%0AMilk%3F&changes=on&question=x").unwrap();
        assert_eq!(fields.get("question"), "Tea?\r\nMilk?");
        assert_eq!(fields.get("options"), "");
        assert_eq!(fields.all("question").collect::<Vec<_>>(), ["Tea?\r\nMilk?", "x"]);
        assert!(fields.has("changes") && !fields.has("listed"));
    }
}
