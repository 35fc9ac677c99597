//! The length of a countdown, as programs and forms give it.

use domain::{CountdownError, CountdownSeconds};

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
