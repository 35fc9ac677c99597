//! What may be shown of a tally, and how it is written for screens and programs.
//!
//! Everything that leaves this service with votes in it is made here, so that hidden votes are held back in
//! one place. It reads nothing and sends nothing.

use std::{collections::BTreeMap, time::Duration};

use domain::{Correction, Partition, Poll, Position, ShareProgress, Tally, Visibility, VoteCounts, option_key};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use web::edition::edition;

use crate::{
    live::freshness::{LastHeartbeat, STALE_AFTER},
    organiser::Organiser,
};

/// A tally as it was read, ready to be shown to anybody.
#[derive(Debug)]
pub(crate) struct PollScore {
    tally: Tally,
    read_at_ms: u64,
    stale_since_ms: Option<u64>,
    scores: String,
}

impl PollScore {
    /// A tally read at `read_at_ms` (milliseconds since 1970), kept up as far as its heartbeat says.
    pub(crate) fn new(tally: Tally, read_at_ms: u64) -> Self {
        let age = LastHeartbeat::after(None, tally.heartbeat(), Instant::now()).age();
        let stale_since_ms = (age > STALE_AFTER).then(|| since(read_at_ms, age));
        Self::with(tally, read_at_ms, stale_since_ms)
    }

    /// A tally that was just read, whose count was last heard of as `heard`; after the one that was `known`.
    pub(crate) fn after(known: Option<(&Self, &LastHeartbeat)>, tally: Tally, heard: &LastHeartbeat) -> Self {
        let (read_at_ms, age) = (program::now_millis(), heard.age());
        let stale_since_ms = (age > STALE_AFTER).then(|| {
            // Once said, it stays what it is, until the count works again.
            let known = known.filter(|(_, before)| before.is_the_same_as(heard));
            // Unless our own clock was set back behind it.
            let said = known.and_then(|(known, _)| known.stale_since_ms).filter(|since| *since <= read_at_ms);
            said.unwrap_or_else(|| since(read_at_ms, age))
        });
        Self::with(tally, read_at_ms, stale_since_ms)
    }

    /// The same figures, once they can't be read any more: they stand still since they were last read.
    pub(crate) fn stale(&self) -> Self {
        Self::with(self.tally.clone(), self.read_at_ms, Some(self.stale_since_ms.unwrap_or(self.read_at_ms)))
    }

    fn with(tally: Tally, read_at_ms: u64, stale_since_ms: Option<u64>) -> Self {
        let fields = TallyFields::of(&tally, read_at_ms, stale_since_ms);
        let scores = Scores { votes: shown_votes(&tally).unwrap_or_default(), fields };
        let scores = serde_json::to_string(&scores).expect("scores are plain text and numbers");
        Self { tally, read_at_ms, stale_since_ms, scores }
    }

    /// The poll.
    pub(crate) fn poll(&self) -> &Poll {
        &self.tally.poll
    }

    /// Turnout; never hidden.
    pub(crate) fn voters(&self) -> u64 {
        self.tally.figures.voters
    }

    /// The votes, as many as the poll has options; `None` while they are hidden.
    pub(crate) fn votes(&self) -> Option<Vec<u64>> {
        shown_votes(&self.tally).map(|votes| votes.into_values().collect())
    }

    /// Since when the scores stand still, because the ledger can't be read or nothing is counted; in milliseconds
    /// since 1970.
    pub(crate) fn stale_since_ms(&self) -> Option<u64> {
        self.stale_since_ms
    }

    /// What the event `scores` carries: JSON, as a string, with the votes by option key on its top level.
    pub(crate) fn scores(&self) -> &str {
        &self.scores
    }

    /// The answer of `/api/polls/{poll}/tally`.
    pub(crate) fn body(&self) -> TallyBody {
        TallyBody {
            votes: shown_votes(&self.tally),
            fields: TallyFields::of(&self.tally, self.read_at_ms, self.stale_since_ms),
        }
    }

    /// The same with the votes, also while they are hidden from everybody else.
    pub(crate) fn body_for(&self, organiser: &Organiser) -> TallyBody {
        TallyBody { votes: Some(self.all_votes(organiser)), ..self.body() }
    }

    /// Votes by option key, also while they are hidden from everybody else.
    pub(crate) fn all_votes(&self, _: &Organiser) -> Votes {
        votes(&self.tally)
    }

    /// How far the log is counted, in milliseconds since 1970; never later than now, whatever the log's clock said.
    pub(crate) fn counted_through_ms(&self) -> u64 {
        self.tally.position().millis().min(self.read_at_ms)
    }

    /// Whether a screen that shows `other` would show the same.
    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }

    /// What is shown; the heartbeats are not.
    fn shown(&self) -> (&Poll, &VoteCounts, Vec<(Partition, Position)>, Option<u64>) {
        let Tally { poll, figures, shares, .. } = &self.tally;
        let position = |share: &ShareProgress| (share.partition, share.position);
        (poll, figures, shares.iter().map(position).collect(), self.stale_since_ms)
    }
}

/// The moment `age` before `now_ms`.
fn since(now_ms: u64, age: Duration) -> u64 {
    now_ms.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// Votes by option key; `None` while they are hidden.
pub(crate) type Votes = BTreeMap<char, u64>;

fn shown_votes(tally: &Tally) -> Option<Votes> {
    (!tally.poll.is_hidden()).then(|| votes(tally))
}

fn votes(tally: &Tally) -> Votes {
    let votes = |index| tally.figures.votes.get(index).copied().unwrap_or_default();
    (0..tally.poll.options().len()).map(|index| (option_key(index), votes(index))).collect()
}

/// What the event `scores` carries. Option keys are one letter and the other fields longer, so they never meet.
#[derive(Serialize)]
struct Scores {
    #[serde(flatten)]
    votes: Votes,
    #[serde(flatten)]
    fields: TallyFields,
}

/// The present score of a poll.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TallyBody {
    /// Votes by option key; `null` while the results are hidden, except for the organiser.
    #[schema(value_type = Option<BTreeMap<String, u64>>, example = json!({"a": 12, "b": 3}))]
    votes: Option<Votes>,
    #[serde(flatten)]
    fields: TallyFields,
}

/// All fields of a tally but the votes.
#[derive(Debug, Serialize, ToSchema)]
struct TallyFields {
    /// The poll's id.
    #[schema(example = "main")]
    poll: String,
    /// What is asked.
    #[schema(example = "Cats or Dogs?")]
    question: String,
    /// `waiting` (not opened yet), `open` or `closed`.
    #[schema(example = "open")]
    state: &'static str,
    /// Whether ballots are taken.
    open: bool,
    /// `live`, or `hidden`: only the turnout is shown.
    #[schema(example = "live")]
    results: &'static str,
    /// Turnout: how many voters have a ballot that counts.
    #[schema(example = 15)]
    voters: u64,
    /// Ballots of this poll in the ledger, over all rounds and changed votes.
    #[schema(example = 17)]
    counted: u64,
    /// How far the log is counted.
    #[schema(example = "1700000000000-0")]
    position: String,
    /// That the wording was corrected while there were ballots; absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<CorrectedWording>,
    /// Whether the poll was put away from the lists; absent if it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
    /// Which round of the poll this is; a reset begins the next.
    #[schema(example = 1)]
    round: u32,
    /// Which wording of the poll this is; a rewrite of its question, options or rules makes the next.
    #[schema(example = 1)]
    revision: u32,
    /// Changes when the question, the options or the visibility of the votes do: a page made for another edition
    /// is to be made anew.
    #[schema(example = "9f3c5a1e07b2d846")]
    edition: String,
    /// When these figures were read from the ledger, in milliseconds since 1970.
    at: u64,
    /// Since when the figures stand still, because the ledger can't be read or nothing is counted at present (in
    /// milliseconds since 1970); absent while they are kept up.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_since: Option<u64>,
}

/// What the wording of a poll was before it was corrected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CorrectedWording {
    /// When it was corrected last, in milliseconds since 1970.
    at: u64,
    /// The question before the first correction.
    question: String,
    /// The texts of the options before the first correction, by key.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"a": "Cats", "b": "Dgos"}))]
    options: BTreeMap<char, String>,
}

impl CorrectedWording {
    pub(crate) fn of(poll: &Poll) -> Option<Self> {
        let Correction { at_millis, question, options } = poll.correction()?.clone();
        Some(Self { at: at_millis, question, options: (0..).map(option_key).zip(options).collect() })
    }
}

impl TallyFields {
    fn of(tally: &Tally, read_at_ms: u64, stale_since_ms: Option<u64>) -> Self {
        let Tally { poll, figures, .. } = tally;
        Self {
            poll: poll.id().to_string(),
            question: poll.question().to_owned(),
            state: poll.state().as_str(),
            open: poll.is_open(),
            results: match poll.results() {
                Visibility::Live => "live",
                Visibility::Hidden => "hidden",
            },
            voters: figures.voters,
            counted: figures.ballots,
            position: tally.position().to_string(),
            correction: CorrectedWording::of(poll),
            archived: poll.archived(),
            round: poll.round(),
            revision: poll.revision(),
            edition: edition(poll),
            at: read_at_ms,
            stale_since: stale_since_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Heartbeat, Partitions, PollChange, PollId, PollSpec};
    use serde_json::{Value, json};

    use super::*;

    fn tally(votes: &[u64]) -> Tally {
        let options = (0..votes.len()).map(|index| format!("Option {index}"));
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Which?", options)).unwrap();
        let figures = VoteCounts { votes: votes.to_vec(), voters: votes.iter().sum(), ballots: 40 };
        let position = Position::new(1_700_000_000_000, 3).unwrap();
        let share = ShareProgress { partition: Partition::new(0), position, heartbeat: Heartbeat::default() };
        Tally { poll, round: 1, figures, shares: vec![share], partitions: Partitions::ONE, is_complete: true }
    }

    #[test]
    fn scores_are_what_the_example_app_reads_and_more_beside() {
        let score = PollScore::new(tally(&[12, 3]), 1_700_000_000_500);
        let scores: Value = serde_json::from_str(score.scores()).unwrap();
        assert_eq!(
            scores,
            json!({
                "a": 12, "b": 3, "voters": 15, "counted": 40, "open": true, "state": "open", "results": "live",
                "poll": "main", "question": "Which?", "position": "1700000000000-3", "round": 1, "revision": 1,
                "edition": edition(score.poll()), "at": 1_700_000_000_500_u64,
            })
        );
    }

    #[test]
    fn hidden_votes_are_in_nothing_that_leaves() {
        let mut tally = tally(&[12_345, 67_890]);
        tally.poll = tally.poll.after(&PollChange::Hide, 1).unwrap();
        let score = PollScore::new(tally, 0);
        assert_eq!(score.votes(), None);
        let body = serde_json::to_string(&score.body()).unwrap();
        for text in [score.scores(), &body] {
            assert!(!text.contains("12345") && !text.contains("67890") && !text.contains("\"a\""), "{text}");
            assert!(text.contains("\"voters\":80235"), "{text}");
        }
    }

    #[test]
    fn stale_scores_say_since_when_and_stay_at_the_first_time() {
        let stale = PollScore::new(tally(&[1, 0]), 1_000).stale();
        assert_eq!(stale.stale_since_ms(), Some(1_000));
        assert_eq!(stale.stale().stale_since_ms(), Some(1_000));
        assert!(stale.scores().contains("\"stale_since\":1000"));
        assert!(!stale.shows_the_same_as(&PollScore::new(tally(&[1, 0]), 1_000)));
    }

    #[test]
    fn a_tally_without_a_young_heartbeat_is_stale_since_then() {
        let since = |age_millis| {
            let mut tally = tally(&[1, 0]);
            tally.shares[0].heartbeat.age_millis = age_millis;
            PollScore::new(tally, 1_700_000_000_000).stale_since_ms()
        };
        assert_eq!(since(2_000), None);
        assert!(since(60_000).is_some_and(|since| (1_699_999_939_000..=1_699_999_940_000).contains(&since)));
    }
}
