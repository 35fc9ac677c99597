//! Every address that this service writes: of its own pages, and of those on the result host.

use domain::{EventId, Poll, PollId};
use program::settings::PublicUrl;
use web::{event_address, poll_address};

/// Where the button "next voter" is posted to, on the page of the poll or of an event.
pub(crate) fn next_voter(poll: PollId, event: Option<EventId>) -> String {
    let event = event.map(|event| format!("?event={event}")).unwrap_or_default();
    format!("/p/{poll}/next-voter{event}")
}

/// The voting page with a code filled in.
pub(crate) fn voting_page_with_code(at: &PublicUrl, poll: PollId, code: &str) -> String {
    format!("{at}/p/{poll}?code={code}")
}

/// The voting page of an event with a code filled in.
pub(crate) fn event_with_code(at: &PublicUrl, event: EventId, code: &str) -> String {
    format!("{}?code={code}", event_address::url(at, event))
}

/// The organiser's page of a poll.
pub(crate) fn organiser_page(poll: PollId) -> String {
    format!("/organise/{poll}")
}

/// The organiser's page of an event.
pub(crate) fn event_page(event: EventId) -> String {
    format!("/events/{event}")
}

/// The page from which an event is run.
pub(crate) fn run_page(event: EventId) -> String {
    format!("/events/{event}/run")
}

/// A poll in the API.
pub(crate) fn api_poll(poll: PollId) -> String {
    format!("/api/polls/{poll}")
}

/// An event in the API.
pub(crate) fn api_event(event: EventId) -> String {
    format!("/api/events/{event}")
}

/// The live result.
pub(crate) fn result_page(at: &PublicUrl, poll: &Poll) -> String {
    format!("{at}{}", poll_address::path_of(poll))
}

/// The live result on a screen that has a place kept for it.
pub(crate) fn projector(at: &PublicUrl, poll: &Poll, ticket: &str) -> String {
    format!("{}?ticket={ticket}", result_page(at, poll))
}

/// An event on a screen that has a place kept for it.
pub(crate) fn event_projector(at: &PublicUrl, event: EventId, ticket: &str) -> String {
    format!("{}?ticket={ticket}", event_address::url(at, event))
}

/// The live result for a frame in another page.
pub(crate) fn embedded_result(at: &PublicUrl, poll: PollId) -> String {
    format!("{at}/p/{poll}/embed")
}

/// The projector's page of an event.
pub(crate) fn result_event(at: &PublicUrl, event: EventId) -> String {
    event_address::url(at, event)
}

/// Where an event is, in the result host's API.
pub(crate) fn event_now(at: &PublicUrl, event: EventId) -> String {
    format!("{at}/api/events/{event}/now")
}

/// The socket of the result host.
pub(crate) fn socket(at: &PublicUrl) -> String {
    format!("{at}/socket.io/")
}

/// The tally in the result host's API.
pub(crate) fn tally(at: &PublicUrl, poll: PollId) -> String {
    format!("{at}/api/polls/{poll}/tally")
}

/// The page on which published ballots are counted again.
pub(crate) fn check(at: &PublicUrl, poll: PollId) -> String {
    format!("{at}/p/{poll}/check")
}

/// A file to export; `query` follows the ticket.
pub(crate) fn export(at: &PublicUrl, poll: PollId, file: &str, ticket: &str, query: &str) -> String {
    format!("{at}/api/polls/{poll}/{file}?ticket={ticket}{query}")
}

/// A file with what an event came to; `query` follows the ticket.
pub(crate) fn event_export(at: &PublicUrl, event: EventId, file: &str, ticket: &str, query: &str) -> String {
    format!("{at}/api/events/{event}/{file}?ticket={ticket}{query}")
}

/// What an event came to, as a page to print.
pub(crate) fn event_to_print(at: &PublicUrl, event: EventId, ticket: &str) -> String {
    format!("{}/print?ticket={ticket}", event_address::url(at, event))
}

/// The page that tells whether a ballot is counted.
pub(crate) fn receipt(at: &PublicUrl, poll: PollId, receipt: &str) -> String {
    format!("{at}/p/{poll}/receipts/{receipt}")
}
