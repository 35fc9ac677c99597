//! The form of the voting page: `vote=a`, with `vote` repeated for several choices, perhaps `code=…`, `revision=…`,
//! `turn=…` and, on the page of an event, `poll=…`. Other fields are passed over.

use std::borrow::Cow;

use domain::{Choices, ChoicesError};

use crate::request::form::{FormError, pairs};

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
    /// Its first `poll` field: which poll of an event the page showed.
    pub(crate) poll: Option<Cow<'a, str>>,
}

impl<'a> BallotForm<'a> {
    /// Reads a ballot; it fails only on input that can't be decoded.
    pub(crate) fn read(form: &'a [u8]) -> Result<Self, FormError> {
        let mut keys = Vec::with_capacity(1);
        let (mut code, mut revision, mut turn, mut poll) = (None, None, None, None);
        for pair in pairs(form)? {
            let (name, value) = pair?;
            match name.as_ref() {
                "vote" => keys.push(value),
                "code" if code.is_none() && !value.trim().is_empty() => code = Some(value),
                "turn" if turn.is_none() => turn = Some(value),
                "poll" if poll.is_none() => poll = Some(value),
                "revision" if revision.is_none() => revision = Some(value.parse().unwrap_or(0)),
                _ => {}
            }
        }
        Ok(Self { choices: Choices::parse(keys.iter().map(AsRef::as_ref)), code, revision, turn, poll })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(form: &str) -> Result<String, ChoicesError> {
        BallotForm::read(form.as_bytes()).unwrap().choices.map(|choices| choices.to_string())
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
            assert_eq!(choices(form).as_deref(), Ok(expected), "{form}");
        }
    }

    #[test]
    fn a_code_comes_with_the_choices_or_is_left_blank() {
        let code = |form: &'static str| BallotForm::read(form.as_bytes()).unwrap().code;
        assert_eq!(code("vote=a&code=K7QM-2XPD+9W1B").as_deref(), Some("K7QM-2XPD 9W1B"));
        assert_eq!(code("code=&vote=a&code=x").as_deref(), Some("x"));
        assert_eq!(code("vote=a&code=+"), None);
        assert_eq!(code("vote=a"), None);
    }

    #[test]
    fn the_revision_that_was_shown_comes_with_the_choices_or_is_not_known() {
        let revision = |form: &'static str| BallotForm::read(form.as_bytes()).unwrap().revision;
        assert_eq!(revision("vote=a"), None);
        assert_eq!(revision("revision=7&vote=a&revision=8"), Some(7));
        for none_there_is in ["revision=", "revision=-1", "revision=x", "revision=4294967296"] {
            assert_eq!(revision(none_there_is), Some(0), "{none_there_is}");
        }
    }

    #[test]
    fn what_is_malformed_is_no_ballot() {
        for form in [&b"vote=a&x=%f"[..], b"vote=%zz", b"vote=a&x=\xff"] {
            assert!(BallotForm::read(form).is_err(), "{form:?}");
        }
    }

    #[test]
    fn a_form_without_a_choice_is_no_ballot() {
        for form in ["", "&&", "x=a", "VOTE=a"] {
            assert_eq!(choices(form), Err(ChoicesError::Empty), "{form}");
        }
        for form in ["vote=", "vote", "vote=ab", "vote=A", "vote=+a"] {
            assert_eq!(choices(form), Err(ChoicesError::NotAKey), "{form}");
        }
        assert_eq!(choices("vote=a&vote=a"), Err(ChoicesError::Twice('a')));
    }
}
