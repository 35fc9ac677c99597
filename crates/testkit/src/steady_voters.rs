//! Voters who vote again and again and remember what was acknowledged, for a test in which something happens to the
//! servers meanwhile. The crate `crowd` plays a whole evening; this one is started and stopped by a test.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, header};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    tallies::{accepted, tally, votes},
    wait,
};

/// How long a voter pauses after an error. This is not a wait for a condition: it simulates a person's patience.
const PATIENCE: Duration = Duration::from_millis(30);
/// How long a ballot without a reply may still be on its way: `vote` gives Redis this long to take it. If another
/// choice were cast during that time, the first one could arrive later.
const ON_ITS_WAY: Duration = Duration::from_millis(2_500);

/// Voters that vote repeatedly, each with its own cookie, until they are stopped.
pub struct SteadyVoters {
    voters: JoinSet<Voter>,
    stop: CancellationToken,
    acknowledged: Arc<AtomicU64>,
    unknown: Arc<AtomicU64>,
}

/// What they know at the end.
#[derive(Debug)]
pub struct AcknowledgedVotes {
    /// Votes by option index that must be counted: each voter's last acknowledged choice.
    pub votes: Vec<u64>,
    /// How many voters there are.
    pub voters: u64,
    /// Ballots acknowledged.
    pub acknowledged: u64,
    /// Ballots whose outcome is unknown: no reply, or an error.
    pub unknown: u64,
}

struct Voter {
    number: u64,
    client: Client,
    cookie: Option<String>,
    turn: u64,
    last: Option<usize>,
}

/// The reply to a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VoterReply {
    Recorded,
    /// An error after which the ballot will certainly not be recorded any more, or no connection.
    Error,
    /// No reply.
    Lost,
}

impl SteadyVoters {
    /// `voters` voters on poll `poll` with `options` options, spread over these addresses of `vote`.
    pub fn start(vote_urls: &[String], poll: &str, voters: u64, options: usize) -> Self {
        let stop = CancellationToken::new();
        let (acknowledged, unknown) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut set = JoinSet::new();
        for number in 0..voters {
            let client = Client::builder()
                .timeout(Duration::from_secs(10))
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client is built");
            let mut voter = Voter { number, client, cookie: None, turn: 0, last: None };
            let urls: Vec<_> = vote_urls.iter().map(|url| format!("{url}/p/{poll}")).collect();
            let (stop, acknowledged, unknown) = (stop.clone(), acknowledged.clone(), unknown.clone());
            set.spawn(async move {
                // All vote until they are stopped, and then until their last vote is acknowledged: voting again after
                // an unknown outcome is harmless.
                let mut settled = false;
                while !settled || !stop.is_cancelled() {
                    let answer = voter.vote(&urls, options).await;
                    settled = answer == VoterReply::Recorded;
                    let counter = if settled { &acknowledged } else { &unknown };
                    counter.fetch_add(1, Ordering::Relaxed);
                    match answer {
                        VoterReply::Recorded => {}
                        VoterReply::Error => tokio::time::sleep(PATIENCE).await,
                        VoterReply::Lost => tokio::time::sleep(ON_ITS_WAY).await,
                    }
                }
                voter
            });
        }
        Self { voters: set, stop, acknowledged, unknown }
    }

    /// Waits until `more` ballots are acknowledged.
    pub async fn goes_on(&self, more: u64) {
        let from = self.acknowledged.load(Ordering::Relaxed);
        wait::until_true("ballots to be acknowledged", || async {
            self.acknowledged.load(Ordering::Relaxed) >= from + more
        })
        .await;
    }

    /// How many ballots are acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until `more` ballots fail to be acknowledged.
    pub async fn is_troubled(&self, more: u64) {
        let from = self.unknown.load(Ordering::Relaxed);
        wait::until_true("ballots not to be acknowledged", || async {
            self.unknown.load(Ordering::Relaxed) >= from + more
        })
        .await;
    }

    /// Ends the voting: every voter votes until their last ballot is acknowledged, and then stops.
    ///
    /// # Panics
    /// If a voter panicked or was never acknowledged.
    pub async fn stop(mut self, options: usize) -> AcknowledgedVotes {
        self.stop.cancel();
        let mut votes = vec![0; options];
        let mut voters = 0;
        while let Some(voter) = self.voters.join_next().await {
            let voter = voter.expect("a voter ends well");
            votes[voter.last.expect("each voter ends acknowledged")] += 1;
            voters += 1;
        }
        AcknowledgedVotes {
            votes,
            voters,
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
        }
    }
}

impl Voter {
    /// Casts one ballot.
    async fn vote(&mut self, urls: &[String], options: usize) -> VoterReply {
        self.turn += 1;
        if self.cookie.is_none() {
            // As in a browser, the page comes first and sets the cookie, so that a ballot whose reply is lost and its
            // repetition belong to the same voter.
            let Ok(page) = self.client.get(&urls[0]).send().await else { return VoterReply::Error };
            self.keep_cookie(&page);
        }
        let choice = usize::try_from((self.number * 7 + self.turn * 3) % options as u64).expect("few options");
        let url = &urls[usize::try_from(self.turn).expect("few turns") % urls.len()];
        let key = char::from(b'a' + u8::try_from(choice).expect("at most 26 options"));
        let Some(cookie) = &self.cookie else { return VoterReply::Error };
        let request = self.client.post(url).form(&[("vote", key.to_string())]).header(header::COOKIE, cookie);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return VoterReply::Error,
            Err(_) => return VoterReply::Lost,
        };
        self.keep_cookie(&answer);
        if answer.status() == StatusCode::SEE_OTHER {
            self.last = Some(choice);
            return VoterReply::Recorded;
        }
        // 409: the poll is closed; it is certainly not recorded.
        let is_refused = answer.status().is_server_error() || answer.status() == StatusCode::CONFLICT;
        assert!(is_refused, "an honest voter got {}", answer.status());
        VoterReply::Error
    }

    fn keep_cookie(&mut self, answer: &Response) {
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if pair.starts_with("voter") {
                self.cookie = Some(pair.to_owned());
            }
        }
    }
}

impl AcknowledgedVotes {
    /// Checks the promise against the result host: waits until everything accepted is counted, and then compares the
    /// votes, option by option, with each voter's last acknowledged choice.
    ///
    /// # Panics
    /// If they differ.
    pub async fn is_counted(&self, vote_url: &str, result_url: &str, poll: &str) {
        let tally = wait::until("everything accepted to be counted", || async {
            let tally = tally(result_url, poll).await?;
            let accepted = accepted(vote_url, poll).await?;
            (tally["counted"].as_u64()? == accepted && tally["voters"].as_u64()? >= self.voters).then_some(tally)
        })
        .await;
        assert_eq!(
            votes(&tally, self.votes.len()),
            self.votes,
            "acknowledged = counted, option by option: {self:?} {tally}"
        );
        assert_eq!(tally["voters"].as_u64(), Some(self.voters), "one ballot counts for each voter: {self:?} {tally}");
        assert!(tally["counted"].as_u64() >= Some(self.acknowledged), "every acknowledged ballot is in the ledger");
    }
}
