//! A countdown, as programs and forms give it.

use domain::{Countdown, CountdownError, CountdownSeconds};
use jiff::Timestamp;

use crate::refusal::Refusal;

/// As a number of JSON.
pub(crate) fn of_number(seconds: Option<u32>) -> Result<Option<CountdownSeconds>, Refusal> {
    seconds.map(CountdownSeconds::try_from).transpose().map_err(Refusal::Countdown)
}

/// As a field of a form; an empty one is no countdown.
pub(crate) fn of_field(seconds: &str) -> Result<Option<CountdownSeconds>, Refusal> {
    match seconds.trim() {
        "" => Ok(None),
        number => of_number(Some(number.parse().map_err(|_| Refusal::Countdown(CountdownError::Length))?)),
    }
}

/// A moment in RFC 3339; an empty field is no countdown.
pub(crate) fn of_moment(text: &str) -> Result<Option<Countdown>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let moment: Timestamp = text.parse().map_err(|_| Refusal::Countdown(CountdownError::Past))?;
    Ok(Some(until(moment)))
}

/// Until this moment; one before 1970 is over.
pub(crate) fn until(moment: Timestamp) -> Countdown {
    Countdown::Until(u64::try_from(moment.as_millisecond()).unwrap_or(0))
}
