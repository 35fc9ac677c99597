//! What a voter does at the vote host: opens the page, casts a ballot by form or API, and retries.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    http_client::{HttpClient, HttpRequest, HttpResponse, RequestFailure},
    measurements::Measurements,
    voter::{LogPosition, RecordedVote, Trouble, VoteOutcome, Voter},
};

/// How often one voter tries to get one ballot acknowledged.
const MAX_TRIES: u32 = 100;
/// The shortest and the longest a person waits before trying again, in milliseconds.
const PATIENCE_MS: std::ops::Range<u64> = 300..1_500;

/// Everything a voter needs to vote.
pub(crate) struct VotingClient {
    pub(crate) client: HttpClient,
    pub(crate) measurements: Measurements,
    /// Once cancelled, no voter retries.
    pub(crate) closing: CancellationToken,
    page: String,
    ballots: String,
    retries: u8,
}

/// How a ballot is cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// By the form of the page.
    Form,
    Api,
}

/// One attempt to vote: for what, when and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VoteAttempt {
    /// When the ballot is due.
    pub(crate) due: Instant,
    /// When the page is due, for a voter's first attempt.
    pub(crate) page_due: Instant,
    pub(crate) option: u8,
    pub(crate) channel: Channel,
}

#[derive(Deserialize)]
struct RecordedBody {
    receipt: Box<str>,
    position: String,
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
}

impl VotingClient {
    pub(crate) fn new(client: HttpClient, poll: &str, retries: u8) -> Self {
        Self {
            client,
            measurements: Measurements::default(),
            closing: CancellationToken::new(),
            page: format!("/p/{poll}"),
            ballots: format!("/api/polls/{poll}/ballots"),
            retries,
        }
    }

    /// The voter opens the page if needed, votes, and retries until they give up.
    pub(crate) async fn receive(&self, voter: &mut Voter, attempt: VoteAttempt, random: &mut fastrand::Rng) {
        if !voter.is_known() {
            sleep_until(attempt.page_due).await;
            if !self.open_page(voter, attempt, random).await {
                return;
            }
        }
        sleep_until(attempt.due).await;
        for _ in 0..MAX_TRIES {
            // After an unknown outcome a voter uses the API: its receipt decides at the end which ballot counts.
            let channel = if voter.has_unknown() { Channel::Api } else { attempt.channel };
            let outcome = self.cast(voter, attempt.option, channel, random.usize(..)).await;
            match outcome {
                VoteOutcome::Recorded(_) => return self.measurements.ballots.add(attempt.due.elapsed()),
                VoteOutcome::Refused(_) => return,
                VoteOutcome::NotRecorded(_) | VoteOutcome::Unknown(_) => {}
            }
            if random.u8(0..100) >= self.retries || !self.wait_to_retry(random).await {
                return;
            }
        }
    }

    /// Opens the page, which sets the cookie that makes voting twice harmless.
    async fn open_page(&self, voter: &mut Voter, attempt: VoteAttempt, random: &mut fastrand::Rng) -> bool {
        for _ in 0..MAX_TRIES {
            match self.client.send(random.usize(..), &HttpRequest::get(&self.page)).await {
                Ok(answer) => {
                    voter.keep_cookies(&answer.headers);
                    if voter.is_known() {
                        self.measurements.pages.add(attempt.page_due.elapsed());
                        return true;
                    }
                    self.measurements.error(format!("page: {}", Trouble::Status(answer.status.as_u16())));
                }
                Err(failure) => self.measurements.error(format!("page: {}", trouble(failure))),
            }
            if !self.wait_to_retry(random).await {
                break;
            }
        }
        false
    }

    /// Casts one ballot and notes its outcome.
    pub(crate) async fn cast(&self, voter: &mut Voter, option: u8, channel: Channel, server: usize) -> VoteOutcome {
        use std::sync::atomic::Ordering::Relaxed;
        let key = char::from(b'a' + option);
        let (path, body) = if channel == Channel::Api {
            (&self.ballots, ("application/json", Bytes::from(format!(r#"{{"choices":["{key}"]}}"#))))
        } else {
            (&self.page, ("application/x-www-form-urlencoded", Bytes::from(format!("vote={key}"))))
        };
        let cookie = voter.cookies();
        let ask = HttpRequest { method: Method::POST, path, cookie: cookie.as_deref(), body: Some(body) };
        let outcome = match self.client.send(server, &ask).await {
            Ok(answer) => {
                voter.keep_cookies(&answer.headers);
                read(&answer, channel)
            }
            Err(RequestFailure::NotSent) => VoteOutcome::NotRecorded(Trouble::NoConnection),
            Err(failure) => VoteOutcome::Unknown(trouble(failure)),
        };
        voter.note(option, &outcome);
        match &outcome {
            VoteOutcome::Recorded(_) => self.measurements.acknowledge(),
            VoteOutcome::Refused(status) => self.measurements.error(format!("refused: HTTP {status}")),
            VoteOutcome::NotRecorded(trouble) => self.measurements.error(format!("not recorded: {trouble}")),
            VoteOutcome::Unknown(trouble) => {
                self.measurements.unknown.fetch_add(1, Relaxed);
                self.measurements.error(format!("unknown: {trouble}"));
            }
        }
        outcome
    }

    /// Waits before a retry; `false` if there are no more retries.
    async fn wait_to_retry(&self, random: &mut fastrand::Rng) -> bool {
        tokio::select! {
            () = sleep(Duration::from_millis(random.u64(PATIENCE_MS))) => true,
            () = self.closing.cancelled() => false,
        }
    }
}

/// The outcome that an answer states.
fn read(answer: &HttpResponse, channel: Channel) -> VoteOutcome {
    let status = answer.status;
    match (channel, status) {
        (Channel::Form, StatusCode::SEE_OTHER) => VoteOutcome::Recorded(None),
        (Channel::Api, StatusCode::CREATED) => {
            let recorded = serde_json::from_slice::<RecordedBody>(&answer.body).ok().and_then(|body| {
                Some(RecordedVote { receipt: body.receipt, position: LogPosition::parse(&body.position)? })
            });
            recorded.map_or(VoteOutcome::Unknown(Trouble::Broken), |recorded| VoteOutcome::Recorded(Some(recorded)))
        }
        // A voter with two ballots in flight may get the answer that the first counts. That one was noted as unknown.
        _ if status.is_client_error() => VoteOutcome::Refused(status.as_u16()),
        // Only a code of the API or of a page proves that the answer is the server's and not a proxy's.
        _ => match code(answer, channel).as_deref() {
            Some("not-recorded" | "full") => VoteOutcome::NotRecorded(Trouble::Status(status.as_u16())),
            Some("outcome-unknown") => VoteOutcome::Unknown(Trouble::InDoubt),
            _ => VoteOutcome::Unknown(Trouble::Status(status.as_u16())),
        },
    }
}

/// The code of a refusal.
fn code(answer: &HttpResponse, channel: Channel) -> Option<String> {
    match channel {
        Channel::Form => page_code(answer),
        Channel::Api => problem_code(answer),
    }
}

fn problem_code(answer: &HttpResponse) -> Option<String> {
    serde_json::from_slice::<ProblemBody>(&answer.body).ok().map(|problem| problem.code)
}

/// The code of a refusal on a page.
fn page_code(answer: &HttpResponse) -> Option<String> {
    let page = str::from_utf8(&answer.body).ok()?;
    let (code, _) = page.split_once("data-refused=\"")?.1.split_once('"')?;
    Some(code.to_owned())
}

fn trouble(failure: RequestFailure) -> Trouble {
    match failure {
        RequestFailure::NotSent => Trouble::NoConnection,
        RequestFailure::TimedOut => Trouble::NoAnswer,
        RequestFailure::Broken => Trouble::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        let status = StatusCode::from_u16(status).unwrap();
        HttpResponse { status, headers: http::HeaderMap::new(), body: Bytes::from(body) }
    }

    #[test]
    fn only_what_says_recorded_is_an_acknowledgement() {
        assert_eq!(read(&answer(303, ""), Channel::Form), VoteOutcome::Recorded(None));
        assert!(matches!(
            read(&answer(201, r#"{"receipt":"r","position":"12-0","replaces":null}"#), Channel::Api),
            VoteOutcome::Recorded(Some(_))
        ));
        for (status, body, channel) in
            [(200, "", Channel::Form), (201, "", Channel::Form), (201, "{}", Channel::Api), (303, "", Channel::Api)]
        {
            assert!(matches!(read(&answer(status, body), channel), VoteOutcome::Unknown(_)), "{status}");
        }
        assert_eq!(read(&answer(409, ""), Channel::Api), VoteOutcome::Refused(409));
    }

    #[test]
    fn api_and_page_can_say_not_recorded_and_a_proxy_can_not() {
        let (body, page) = (r#"{"code":"not-recorded"}"#, r#"<div class="note bad" data-refused="full">"#);
        let not_recorded = VoteOutcome::NotRecorded(Trouble::Status(503));
        assert_eq!(read(&answer(503, body), Channel::Api), not_recorded);
        assert_eq!(read(&answer(503, r#"{"code":"full"}"#), Channel::Api), not_recorded);
        assert_eq!(read(&answer(503, page), Channel::Form), not_recorded);
        for (body, channel) in
            [(body, Channel::Form), (page, Channel::Api), ("", Channel::Api), ("a proxy's page", Channel::Form)]
        {
            assert_eq!(read(&answer(503, body), channel), VoteOutcome::Unknown(Trouble::Status(503)));
        }
    }

    #[test]
    fn only_the_server_can_say_that_it_is_in_doubt() {
        let (body, page) = (r#"{"code":"outcome-unknown"}"#, r#"<div data-refused="outcome-unknown">"#);
        assert_eq!(read(&answer(503, body), Channel::Api), VoteOutcome::Unknown(Trouble::InDoubt));
        assert_eq!(read(&answer(503, page), Channel::Form), VoteOutcome::Unknown(Trouble::InDoubt));
        for (body, channel) in [(body, Channel::Form), ("", Channel::Api), ("a proxy's page", Channel::Api)] {
            assert_eq!(read(&answer(503, body), channel), VoteOutcome::Unknown(Trouble::Status(503)));
        }
    }
}
