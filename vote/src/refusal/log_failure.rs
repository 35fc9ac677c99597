//! Refusals of requests that the log did not answer. The failure is noted in the program's own log.

use domain::Unavailable;

use super::kinds::Refusal;
use crate::app::App;

/// The refusal where something had to be read before a ballot could be taken. Reading records nothing, so it is certain
/// that none was.
pub(crate) fn not_recorded(app: &App) -> impl FnOnce(Unavailable) -> Refusal {
    |error| {
        app.note_unanswered(&error);
        Refusal::Unavailable(error.before_anything())
    }
}

/// The refusal where something was only to be shown.
pub(crate) fn not_shown(app: &App) -> impl FnOnce(Unavailable) -> Refusal {
    |error| {
        app.note_unanswered(&error);
        Refusal::CannotShow(error)
    }
}

/// The refusal where something was to be changed.
pub(crate) fn not_told(app: &App) -> impl FnOnce(Unavailable) -> Refusal {
    |error| {
        app.note_unanswered(&error);
        Refusal::CannotTell(error)
    }
}
