//! Reading posted forms. A ballot's: `vote=a`, with `vote` repeated for several choices, perhaps `code=…`,
//! `revision=…` and `turn=…`. Other fields are passed over.
//!
//! Stricter than browsers need: malformed input is refused, not guessed at.

use std::borrow::Cow;

use domain::{Choices, ChoicesError};

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

/// A ballot as it was posted.
pub(crate) struct BallotForm<'a> {
    /// The choices of its `vote` fields.
    pub(crate) choices: Result<Choices, ChoicesError>,
    /// Its first `code` field that is not blank.
    pub(crate) code: Option<Cow<'a, str>>,
    /// Its first `revision` field: the revision that the page showed. 0, which no poll has, if it is no number.
    pub(crate) revision: Option<u32>,
    /// Its first `turn` field: whose turn it was at a shared device when the page was rendered.
    pub(crate) turn: Option<Cow<'a, str>>,
}

/// Reads a ballot; it fails only on input that can't be decoded.
pub(crate) fn ballot(form: &[u8]) -> Result<BallotForm<'_>, FormError> {
    let mut keys = Vec::with_capacity(1);
    let (mut code, mut revision, mut turn) = (None, None, None);
    for pair in pairs(form)? {
        match pair? {
            (name, value) if name == "vote" => keys.push(value),
            (name, value) if name == "code" && code.is_none() && !value.trim().is_empty() => code = Some(value),
            (name, value) if name == "turn" && turn.is_none() => turn = Some(value),
            (name, value) if name == "revision" && revision.is_none() => revision = Some(value.parse().unwrap_or(0)),
            _ => {}
        }
    }
    Ok(BallotForm { choices: Choices::parse(keys.iter().map(AsRef::as_ref)), code, revision, turn })
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Names and values in order, decoded.
fn pairs(form: &[u8]) -> Result<impl Iterator<Item = Result<Pair<'_>, FormError>>, FormError> {
    let form = str::from_utf8(form).map_err(|_| FormError::NotUtf8)?;
    Ok(form.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    }))
}

/// A form in which each field has one value; of several the first counts.
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

    fn read(form: &str) -> Result<Result<String, ChoicesError>, FormError> {
        ballot(form.as_bytes()).map(|ballot| ballot.choices.map(|choices| choices.to_string()))
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
            assert_eq!(read(form), Ok(Ok(expected.to_owned())), "{form}");
        }
    }

    #[test]
    fn a_code_comes_with_the_choices_or_is_left_blank() {
        let code = |form: &'static str| ballot(form.as_bytes()).unwrap().code;
        assert_eq!(code("vote=a&code=K7QM-2XPD+9W1B").as_deref(), Some("K7QM-2XPD 9W1B"));
        assert_eq!(code("code=&vote=a&code=x").as_deref(), Some("x"));
        assert_eq!(code("vote=a&code=+"), None);
        assert_eq!(code("vote=a"), None);
    }

    #[test]
    fn the_revision_that_was_shown_comes_with_the_choices_or_is_not_known() {
        let revision = |form: &'static str| ballot(form.as_bytes()).unwrap().revision;
        assert_eq!(revision("vote=a"), None);
        assert_eq!(revision("revision=7&vote=a&revision=8"), Some(7));
        for none_there_is in ["revision=", "revision=-1", "revision=x", "revision=4294967296"] {
            assert_eq!(revision(none_there_is), Some(0), "{none_there_is}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused_wherever_it_stands() {
        for form in ["vote=%", "vote=%4", "vote=%zz", "vote=a&x=%f", "%+1=x&vote=a"] {
            assert_eq!(read(form), Err(FormError::PercentEncoding), "{form}");
        }
        assert_eq!(read("vote=a&x=%ff"), Err(FormError::NotUtf8));
        assert!(matches!(ballot(b"vote=\xff"), Err(FormError::NotUtf8)));
        assert!(Fields::read(b"question=%").is_err());
    }

    #[test]
    fn a_form_without_a_choice_is_no_ballot() {
        for form in ["", "&&", "x=a", "VOTE=a"] {
            assert_eq!(read(form), Ok(Err(ChoicesError::Empty)), "{form}");
        }
        for form in ["vote=", "vote", "vote=ab", "vote=A", "vote=+a"] {
            assert_eq!(read(form), Ok(Err(ChoicesError::NotAKey)), "{form}");
        }
        assert_eq!(read("vote=a&vote=a"), Ok(Err(ChoicesError::Twice('a'))));
    }

    #[test]
    fn fields_are_found_by_name() {
        let fields = Fields::read(b"question=Tea%3F%0D%0AMilk%3F&changes=on&question=x").unwrap();
        assert_eq!(fields.get("question"), "Tea?\r\nMilk?");
        assert_eq!(fields.get("options"), "");
        assert!(fields.has("changes") && !fields.has("listed"));
    }
}
