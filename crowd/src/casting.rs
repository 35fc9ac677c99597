//! What a voter does at the vote host: opens the page, casts a ballot by the form or over the API, tries again.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Answer, Ask, Client, Failure},
    figures::Figures,
    voter::{Outcome, Position, Recorded, Trouble, Voter},
};

/// How often one voter tries to get one ballot acknowledged before giving up.
const MAX_TRIES: u32 = 100;
/// The shortest and the longest a person waits before trying again, in milliseconds.
const PATIENCE_MS: std::ops::Range<u64> = 300..1_500;

/// Everything a voter needs to vote.
pub(crate) struct Booth {
    pub(crate) client: Client,
    pub(crate) figures: Figures,
    /// Once cancelled nobody tries again.
    pub(crate) closing: CancellationToken,
    page: String,
    ballots: String,
    retries: u8,
}

/// One visit: what is voted for, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    /// When the ballot is due.
    pub(crate) due: Instant,
    /// When the page is due, for who comes for the first time.
    pub(crate) page_due: Instant,
    pub(crate) option: u8,
    pub(crate) over_api: bool,
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

impl Booth {
    pub(crate) fn new(client: Client, poll: &str, retries: u8) -> Self {
        Self {
            client,
            figures: Figures::default(),
            closing: CancellationToken::new(),
            page: format!("/p/{poll}"),
            ballots: format!("/api/polls/{poll}/ballots"),
            retries,
        }
    }

    /// Lets the voter come, vote, and try again until they give up.
    pub(crate) async fn receive(&self, voter: &mut Voter, visit: Visit, random: &mut fastrand::Rng) {
        if !voter.is_known() {
            sleep_until(visit.page_due).await;
            if !self.open_page(voter, visit, random).await {
                return;
            }
        }
        sleep_until(visit.due).await;
        for _ in 0..MAX_TRIES {
            // Who had no answer once votes over the API from then on: its receipt tells at the end which ballot counts.
            let over_api = visit.over_api || voter.has_unknown();
            let outcome = self.cast(voter, visit.option, over_api, random.usize(..)).await;
            match outcome {
                Outcome::Recorded(_) => return self.figures.ballots.add(visit.due.elapsed()),
                Outcome::Refused(_) => return,
                Outcome::NotRecorded(_) | Outcome::Unknown(_) => {}
            }
            if random.u8(0..100) >= self.retries || !self.wait_to_retry(random).await {
                return;
            }
        }
    }

    /// Opens the page, which sets the cookie that makes voting twice harmless.
    async fn open_page(&self, voter: &mut Voter, visit: Visit, random: &mut fastrand::Rng) -> bool {
        for _ in 0..MAX_TRIES {
            match self.client.send(random.usize(..), &Ask::get(&self.page)).await {
                Ok(answer) => {
                    voter.keep_cookies(&answer.headers);
                    if voter.is_known() {
                        self.figures.pages.add(visit.page_due.elapsed());
                        return true;
                    }
                    self.figures.error(format!("page: {}", Trouble::Status(answer.status.as_u16())));
                }
                Err(failure) => self.figures.error(format!("page: {}", trouble(failure))),
            }
            if !self.wait_to_retry(random).await {
                break;
            }
        }
        false
    }

    /// Casts one ballot and notes what became of it.
    pub(crate) async fn cast(&self, voter: &mut Voter, option: u8, over_api: bool, server: usize) -> Outcome {
        use std::sync::atomic::Ordering::Relaxed;
        let key = char::from(b'a' + option);
        let (path, body) = if over_api {
            (&self.ballots, ("application/json", Bytes::from(format!(r#"{{"choices":["{key}"]}}"#))))
        } else {
            (&self.page, ("application/x-www-form-urlencoded", Bytes::from(format!("vote={key}"))))
        };
        let cookie = voter.cookies();
        let ask = Ask { method: Method::POST, path, cookie: cookie.as_deref(), body: Some(body) };
        let outcome = match self.client.send(server, &ask).await {
            Ok(answer) => {
                voter.keep_cookies(&answer.headers);
                read(&answer, over_api)
            }
            Err(Failure::NotSent) => Outcome::NotRecorded(Trouble::NoConnection),
            Err(failure) => Outcome::Unknown(trouble(failure)),
        };
        voter.note(option, &outcome);
        match &outcome {
            Outcome::Recorded(_) => self.figures.acknowledge(),
            Outcome::Refused(status) => self.figures.error(format!("refused: HTTP {status}")),
            Outcome::NotRecorded(trouble) => self.figures.error(format!("not recorded: {trouble}")),
            Outcome::Unknown(trouble) => {
                self.figures.unknown.fetch_add(1, Relaxed);
                self.figures.error(format!("unknown: {trouble}"));
            }
        }
        outcome
    }

    /// A person's patience; `false` if nobody tries again any more.
    async fn wait_to_retry(&self, random: &mut fastrand::Rng) -> bool {
        tokio::select! {
            () = sleep(Duration::from_millis(random.u64(PATIENCE_MS))) => true,
            () = self.closing.cancelled() => false,
        }
    }
}

/// What an answer to a ballot says.
fn read(answer: &Answer, over_api: bool) -> Outcome {
    let status = answer.status;
    match (over_api, status) {
        (false, StatusCode::SEE_OTHER) => Outcome::Recorded(None),
        (true, StatusCode::CREATED) => {
            let recorded = serde_json::from_slice::<RecordedBody>(&answer.body)
                .ok()
                .and_then(|body| Some(Recorded { receipt: body.receipt, position: Position::parse(&body.position)? }));
            recorded.map_or(Outcome::Unknown(Trouble::Broken), |recorded| Outcome::Recorded(Some(recorded)))
        }
        // Whoever had two ballots in flight may be told that the first stands: that one was noted as unknown.
        _ if status.is_client_error() => Outcome::Refused(status.as_u16()),
        // Only what carries a code of the API or of a page can be told from a proxy that speaks in the server's place.
        _ => match (if over_api { problem_code(answer) } else { page_code(answer) }).as_deref() {
            Some("not-recorded" | "full") => Outcome::NotRecorded(Trouble::Status(status.as_u16())),
            Some("outcome-unknown") => Outcome::Unknown(Trouble::InDoubt),
            _ => Outcome::Unknown(Trouble::Status(status.as_u16())),
        },
    }
}

fn problem_code(answer: &Answer) -> Option<String> {
    serde_json::from_slice::<ProblemBody>(&answer.body).ok().map(|problem| problem.code)
}

/// The code of a refusal on a page.
fn page_code(answer: &Answer) -> Option<String> {
    let page = str::from_utf8(&answer.body).ok()?;
    let (code, _) = page.split_once("data-refused=\"")?.1.split_once('"')?;
    Some(code.to_owned())
}

fn trouble(failure: Failure) -> Trouble {
    match failure {
        Failure::NotSent => Trouble::NoConnection,
        Failure::TimedOut => Trouble::NoAnswer,
        Failure::Broken => Trouble::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: http::HeaderMap::new(), body: Bytes::from(body) }
    }

    #[test]
    fn only_what_says_recorded_is_an_acknowledgement() {
        assert_eq!(read(&answer(303, ""), false), Outcome::Recorded(None));
        assert!(matches!(
            read(&answer(201, r#"{"receipt":"r","position":"12-0","replaces":null}"#), true),
            Outcome::Recorded(Some(_))
        ));
        for (status, body, over_api) in [(200, "", false), (201, "", false), (201, "{}", true), (303, "", true)] {
            assert!(matches!(read(&answer(status, body), over_api), Outcome::Unknown(_)), "{status}");
        }
        assert_eq!(read(&answer(409, ""), true), Outcome::Refused(409));
    }

    #[test]
    fn the_api_and_a_page_can_say_that_nothing_was_recorded_and_a_proxy_can_not() {
        let (body, page) = (r#"{"code":"not-recorded"}"#, r#"<div class="note bad" data-refused="full">"#);
        let not_recorded = Outcome::NotRecorded(Trouble::Status(503));
        assert_eq!(read(&answer(503, body), true), not_recorded);
        assert_eq!(read(&answer(503, r#"{"code":"full"}"#), true), not_recorded);
        assert_eq!(read(&answer(503, page), false), not_recorded);
        for (body, over_api) in [(body, false), (page, true), ("", true), ("a proxy's page", false)] {
            assert_eq!(read(&answer(503, body), over_api), Outcome::Unknown(Trouble::Status(503)));
        }
    }

    #[test]
    fn only_the_server_can_say_that_it_is_in_doubt() {
        let (body, page) = (r#"{"code":"outcome-unknown"}"#, r#"<div data-refused="outcome-unknown">"#);
        assert_eq!(read(&answer(503, body), true), Outcome::Unknown(Trouble::InDoubt));
        assert_eq!(read(&answer(503, page), false), Outcome::Unknown(Trouble::InDoubt));
        for (body, over_api) in [(body, false), ("", true), ("a proxy's page", true)] {
            assert_eq!(read(&answer(503, body), over_api), Outcome::Unknown(Trouble::Status(503)));
        }
    }
}
