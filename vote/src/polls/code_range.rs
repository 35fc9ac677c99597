//! Which voting codes of a poll or an event are handed out at once.

use std::num::NonZeroU16;

use domain::{Access, Poll};

use crate::{
    app::App,
    refusal::Refusal,
    request::form::Fields,
    voter::codes::{Code, CodeScope, MAX_NUMBER},
};

/// How many codes can be had at once.
pub(crate) const MAX_CODES: u16 = 2_000;

/// Which codes, by number: `count` from `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeRange {
    first: NonZeroU16,
    count: u16,
}

impl CodeRange {
    /// 1 to [`MAX_CODES`] codes, numbered up to 65,535.
    pub(crate) fn new(from: u16, count: u16) -> Result<Self, Refusal> {
        let first = NonZeroU16::new(from).ok_or(Refusal::CodeRange)?;
        let fits = (1..=MAX_CODES).contains(&count) && count - 1 <= MAX_NUMBER.get() - from;
        if fits { Ok(Self { first, count }) } else { Err(Refusal::CodeRange) }
    }

    /// As a query asks: `from=1&count=300`; each may be left out.
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let query = query.unwrap_or_default();
        let fields = Fields::read(query.as_bytes())?;
        let number = |name, default| match fields.get(name).trim() {
            "" => Ok(default),
            text => text.parse().map_err(|_| Refusal::CodeRange),
        };
        Self::new(number("from", 1)?, number("count", 100)?)
    }

    /// The number of the first.
    pub(crate) fn first(self) -> u16 {
        self.first.get()
    }

    /// How many there are.
    pub(crate) fn count(self) -> u16 {
        self.count
    }

    /// The codes of a poll or an event.
    pub(crate) fn codes(self, app: &App, scope: impl Into<CodeScope>) -> impl Iterator<Item = Code> {
        let (secret, scope) = (&app.config.secret, scope.into());
        let numbers = (0..self.count).filter_map(move |index| self.first.checked_add(index));
        numbers.map(move |number| Code::issue(secret, scope, number))
    }
}

/// The poll, if it takes voting codes.
pub(crate) fn only_by_code(poll: Poll) -> Result<Poll, Refusal> {
    if poll.access() == Access::Codes { Ok(poll) } else { Err(Refusal::OpenToAnyone) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_two_thousand_codes_within_the_numbers_there_are() {
        for query in [None, Some(""), Some("from=1&count=2000"), Some("from=65535&count=1"), Some("count=300")] {
            assert!(CodeRange::read(query).is_ok(), "{query:?}");
        }
        for query in
            ["count=0", "count=2001", "from=0", "from=65535&count=2", "count=x", "from=-1", "count=99999999999"]
        {
            assert_eq!(CodeRange::read(Some(query)), Err(Refusal::CodeRange), "{query}");
        }
    }
}
