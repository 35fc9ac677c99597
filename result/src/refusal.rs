//! Why a request is refused: a status, a stable code and texts for each. Handlers return a [`ResultRefusal`], and
//! [`crate::website`] makes a page or a problem of it.

use axum::{
    Extension,
    response::{IntoResponse, Response},
};
use domain::Unavailable;
use http::StatusCode;
use web::{language::Language, organiser::NotOrganiser, problem::Problem};

use crate::texts::{self, ResultText};

/// After how many seconds to ask again while the ledger does not answer.
const UNAVAILABLE_SECONDS: u32 = 2;
/// After how many seconds to ask again while as many exports run, or files are sent, as may.
const BUSY_SECONDS: u32 = 10;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultRefusal {
    /// There is no such poll.
    UnknownPoll,
    /// There is no such event.
    UnknownEvent,
    /// The text is no receipt of this poll.
    UnknownReceipt,
    /// There is no such page.
    NoSuchPage,
    /// The ledger does not answer.
    Unavailable,
    /// There is no such tree of ballots, or no such part of it.
    NoSuchTree,
    /// The poll is not closed, or not every partition has counted the close.
    NotSealed,
    /// No result is signed: the votes are hidden, or the poll is not sealed.
    NoResult,
    /// The ballots are not published.
    NotPublished,
    /// The ballot of the receipt is in no tree.
    NotCounted,
    /// The block of the ballot has not ended.
    BlockOpen,
    /// The ledger does not say yet which installation it belongs to.
    NoKey,
    /// As many exports of ballots run as may.
    Busy,
    /// As many files of published ballots are sent as may be.
    PublicationBusy,
    /// No token, or not the organiser's.
    NotOrganiser(NotOrganiser),
    /// The ticket is for something else, or too old, or none.
    WrongTicket,
    /// Files have no such separator.
    NoSuchSeparator,
    /// A fault in this program.
    Panicked,
}

impl ResultRefusal {
    /// The ledger did not answer a read for the organiser. It is logged.
    pub(crate) fn not_read(error: &Unavailable) -> Self {
        tracing::warn!(event = "export.unavailable", %error, "the ledger could not be read for an export");
        Self::Unavailable
    }

    /// The status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::UnknownPoll
            | Self::UnknownEvent
            | Self::UnknownReceipt
            | Self::NoSuchPage
            | Self::NoSuchTree
            | Self::NotSealed
            | Self::NoResult
            | Self::NotPublished
            | Self::NotCounted
            | Self::BlockOpen => StatusCode::NOT_FOUND,
            Self::Unavailable | Self::Busy | Self::PublicationBusy | Self::NoKey => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotOrganiser(_) => StatusCode::UNAUTHORIZED,
            Self::WrongTicket => StatusCode::FORBIDDEN,
            Self::NoSuchSeparator => StatusCode::BAD_REQUEST,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word for programs.
    fn code(self) -> &'static str {
        match self {
            Self::UnknownPoll => "unknown-poll",
            Self::UnknownEvent => "unknown-event",
            Self::UnknownReceipt => "receipt-unknown",
            Self::NoSuchPage => "not-found",
            Self::NoSuchTree => "no-tree",
            Self::NotSealed => "not-sealed",
            Self::NoResult => "no-result",
            Self::NotPublished => "not-published",
            Self::NotCounted => "not-counted",
            Self::BlockOpen => "block-open",
            Self::NoKey => "no-key",
            Self::Unavailable => "unavailable",
            Self::Busy | Self::PublicationBusy => "busy",
            Self::NotOrganiser(_) => "not-organiser",
            Self::WrongTicket => "ticket-refused",
            Self::NoSuchSeparator => "separator",
            Self::Panicked => "internal",
        }
    }

    /// What a page says: a heading, and a sentence below it.
    pub(crate) fn texts(self) -> (ResultText, ResultText) {
        match self {
            Self::UnknownPoll => (ResultText::UnknownTitle, ResultText::UnknownText),
            Self::UnknownEvent => (ResultText::UnknownEventTitle, ResultText::UnknownText),
            Self::UnknownReceipt => (ResultText::ReceiptUnknown, ResultText::ReceiptUnknownText),
            Self::NoSuchPage => (ResultText::PageTitle, ResultText::UnknownText),
            Self::NoSuchTree => (ResultText::NotThereTitle, ResultText::TreeNotThere),
            Self::NotSealed => (ResultText::NotThereTitle, ResultText::SealNotThere),
            Self::NoResult => (ResultText::NotThereTitle, ResultText::ResultNotThere),
            Self::NotPublished => (ResultText::NotThereTitle, ResultText::PublishedNotThere),
            Self::NotCounted => (ResultText::NotThereTitle, ResultText::PromiseNotThere),
            Self::BlockOpen => (ResultText::NotThereTitle, ResultText::ProofNotThere),
            Self::NoKey => (ResultText::NotThereTitle, ResultText::KeyNotThere),
            Self::Unavailable => (ResultText::UnavailableTitle, ResultText::UnavailableText),
            Self::Busy => (ResultText::BusyTitle, ResultText::BusyText),
            Self::PublicationBusy => (ResultText::BusyPublishedTitle, ResultText::BusyText),
            Self::NotOrganiser(_) | Self::WrongTicket => (ResultText::TicketTitle, ResultText::TicketText),
            Self::NoSuchSeparator => (ResultText::SeparatorTitle, ResultText::SeparatorText),
            Self::Panicked => (ResultText::InternalTitle, ResultText::InternalText),
        }
    }

    /// The answer for programs.
    pub(crate) fn problem(self, language: Language) -> Response {
        if let Self::NotOrganiser(refused) = self {
            return refused.answer(language);
        }
        let (title, text) = self.texts();
        let detail = format!("{}. {}", texts::text(language, title), texts::text(language, text));
        let problem = Problem::new(self.status(), self.code(), detail);
        match self {
            Self::Unavailable | Self::NoKey => problem.retry_after(UNAVAILABLE_SECONDS),
            Self::Busy | Self::PublicationBusy => problem.retry_after(BUSY_SECONDS),
            _ => problem,
        }
        .into_response()
    }
}

/// Carries the refusal to where it is explained.
impl IntoResponse for ResultRefusal {
    fn into_response(self) -> Response {
        (self.status(), Extension(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[tokio::test]
    async fn who_fetches_published_ballots_is_told_of_them_and_when_to_ask_again() {
        let answer = ResultRefusal::PublicationBusy.problem(Language::default());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "10");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "busy");
        assert!(problem["detail"].as_str().unwrap().contains("published ballots"), "{problem}");
    }
}
