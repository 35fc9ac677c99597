//! What may be shown of a tally, and how it is written for screens and programs.
//!
//! Everything that leaves this service with votes in it is made here, so that hidden votes are held back in
//! one place. It reads nothing and sends nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    Correction, Digest, Partition, Partitions, Poll, PollState, Position, ShareProgress, Tally, Visibility, VoteCounts,
    option_key,
};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use web::edition::edition;

use crate::{
    live::{
        freshness::{Heartbeats, STALE_AFTER},
        ledger_reads::SealedTally,
    },
    organiser::Organiser,
    trees::{SealWords, SealedPoll},
};

/// A tally as it was read, ready to be shown to anybody.
#[derive(Debug)]
pub(crate) struct PollScore {
    tally: Tally,
    /// Of its present close.
    seal: Option<Arc<SealedPoll>>,
    read_at_ms: u64,
    /// The same moment of our steady clock, or a little later.
    read_at: Instant,
    standstill: Standstill,
    scores: String,
    /// What they say of the poll's state.
    told_state: PollState,
}

/// Since when figures stand still, in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standstill {
    /// All of them, because they can't be read.
    unread_since_ms: Option<u64>,
    /// The shares of these partitions, because nothing is counted there.
    late: Vec<(Partition, u64)>,
}

impl Standstill {
    /// The first of all.
    fn since_ms(&self) -> Option<u64> {
        self.unread_since_ms.into_iter().chain(self.late.iter().map(|(_, since)| *since)).min()
    }

    /// Of one partition's share.
    fn of(&self, partition: Partition) -> Option<u64> {
        let late = self.late.iter().filter(|(of, _)| *of == partition);
        self.unread_since_ms.into_iter().chain(late.map(|(_, since)| *since)).min()
    }
}

impl PollScore {
    /// A tally read at `read_at_ms` (milliseconds since 1970), kept up as far as its heartbeats say.
    pub(crate) fn new(tally: Tally, read_at_ms: u64) -> Self {
        let heard = Heartbeats::after(None, &tally, Instant::now());
        let late = heard.ages().filter(|(_, age)| *age > STALE_AFTER);
        let late = late.map(|(partition, age)| (partition, since(read_at_ms, age))).collect();
        Self::with((tally, None), (read_at_ms, Instant::now()), Standstill { unread_since_ms: None, late })
    }

    /// A tally that was just read, whose count was last heard of as `heard`; after the one that was `known`.
    pub(crate) fn after(known: Option<(&Self, &Heartbeats)>, read: SealedTally, heard: &Heartbeats) -> Self {
        let SealedTally { tally, seal } = read;
        // One that can't be read at present stays.
        let seal = seal.or_else(|| known?.0.seal.clone()).filter(|seal| seal.is_of(&tally));
        let read_at_ms = program::now_millis();
        let late = heard.ages().filter(|(_, age)| *age > STALE_AFTER).map(|(partition, age)| {
            // Once said, it stays what it is, until the count works again.
            let is_same = |before: &Heartbeats| {
                let both = before.of(partition).zip(heard.of(partition));
                both.is_some_and(|(before, now)| before.is_the_same_as(&now))
            };
            let known = known.filter(|(_, before)| is_same(before));
            // Unless our own clock was set back behind it.
            let said = known.and_then(|(known, _)| known.standstill.of(partition));
            (partition, said.filter(|since| *since <= read_at_ms).unwrap_or_else(|| since(read_at_ms, age)))
        });
        let late = late.collect();
        Self::with((tally, seal), (read_at_ms, Instant::now()), Standstill { unread_since_ms: None, late })
    }

    /// The same figures, once they can't be read any more: they stand still since they were last read.
    pub(crate) fn stale(&self) -> Self {
        let unread_since_ms = Some(self.stale_since_ms().unwrap_or(self.read_at_ms));
        Self::with(
            (self.tally.clone(), self.seal.clone()),
            (self.read_at_ms, self.read_at),
            Standstill { unread_since_ms, ..self.standstill.clone() },
        )
    }

    fn with(
        (tally, seal): (Tally, Option<Arc<SealedPoll>>),
        (read_at_ms, read_at): (u64, Instant),
        standstill: Standstill,
    ) -> Self {
        let told_state = tally.poll.state();
        let mut score = Self { tally, seal, read_at_ms, read_at, standstill, scores: String::new(), told_state };
        score.told_state = score.state();
        let scores = Scores { votes: shown_votes(&score.tally).unwrap_or_default(), fields: TallyFields::of(&score) };
        score.scores = serde_json::to_string(&scores).expect("scores are plain text and numbers");
        score
    }

    /// The poll.
    pub(crate) fn poll(&self) -> &Poll {
        &self.tally.poll
    }

    /// All that is known of it.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The words of its seal, once it is closed and counted.
    pub(crate) fn seal_words(&self) -> Option<SealWords> {
        self.seal.as_ref().map(|seal| seal.words())
    }

    /// What the clock shows now that ends the poll's countdown, in milliseconds since 1970; `None` while that is not
    /// known. The clocks of this machine and of the ledger's only say how much time has passed.
    fn log_millis(&self) -> Option<u64> {
        let since_read = u64::try_from(self.read_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(self.tally.log_millis_when_read()?.saturating_add(since_read))
    }

    /// In how many milliseconds the poll closes by itself; `None` without a countdown, and once it has ended.
    pub(crate) fn closes_in_ms(&self) -> Option<u64> {
        self.tally.poll.closes_in_millis(self.log_millis()?)
    }

    /// Whether ballots are taken: none are once the countdown has ended, also while the close is not counted yet.
    pub(crate) fn state(&self) -> PollState {
        self.log_millis().map_or(self.tally.poll.state(), |now| self.tally.poll.as_of(now).state())
    }

    /// Turnout; never hidden.
    pub(crate) fn voters(&self) -> u64 {
        self.tally.figures.voters
    }

    /// The votes, as many as the poll has options; `None` while they are hidden.
    pub(crate) fn votes(&self) -> Option<Vec<u64>> {
        shown_votes(&self.tally).map(|votes| votes.into_values().collect())
    }

    /// Whether the figures can't change any more, as long as the organiser does not open or reset the poll.
    pub(crate) fn is_final(&self) -> bool {
        self.tally.is_final()
    }

    /// Since when the scores stand still, or some partition's share of them, because the ledger can't be read or
    /// nothing is counted; in milliseconds since 1970.
    pub(crate) fn stale_since_ms(&self) -> Option<u64> {
        self.standstill.since_ms()
    }

    /// The same for the share of one partition.
    pub(crate) fn share_stale_since_ms(&self, partition: Partition) -> Option<u64> {
        self.standstill.of(partition)
    }

    /// What the event `scores` carries: JSON, as a string, with the votes by option key on its top level.
    pub(crate) fn scores(&self) -> &str {
        &self.scores
    }

    /// The answer of `/api/polls/{poll}/tally`.
    pub(crate) fn body(&self) -> TallyBody {
        TallyBody { votes: shown_votes(&self.tally), fields: TallyFields::of(self) }
    }

    /// The same with the votes, also while they are hidden from everybody else.
    pub(crate) fn body_for(&self, organiser: &Organiser) -> TallyBody {
        TallyBody { votes: Some(self.all_votes(organiser)), ..self.body() }
    }

    /// Votes by option key, also while they are hidden from everybody else.
    pub(crate) fn all_votes(&self, _: &Organiser) -> Votes {
        votes(&self.tally)
    }

    /// How far the log of a partition is counted, in milliseconds since 1970; never later than now, whatever the log's
    /// clock said. `None` where it does not know the poll yet.
    pub(crate) fn counted_through_ms(&self, partition: Partition) -> Option<u64> {
        let share = self.tally.shares.iter().find(|share| share.partition == partition)?;
        Some(share.position.millis().min(self.read_at_ms))
    }

    /// Whether a screen that shows `other` would show the same.
    pub(crate) fn shows_the_same_as(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }

    /// What is shown; the heartbeats are not.
    fn shown(&self) -> ShownScore<'_> {
        let Tally { poll, figures, is_complete, shares, .. } = &self.tally;
        let position = |share: &ShareProgress| (share.partition, share.position);
        ShownScore {
            poll,
            figures,
            is_complete: *is_complete,
            positions: shares.iter().map(position).collect(),
            stale_since_ms: self.stale_since_ms(),
            state: self.told_state,
            seal: self.seal.as_ref().map(|seal| seal.digest),
        }
    }
}

/// What of a score a screen shows.
#[derive(PartialEq, Eq)]
struct ShownScore<'a> {
    poll: &'a Poll,
    figures: &'a VoteCounts,
    is_complete: bool,
    positions: Vec<(Partition, Position)>,
    stale_since_ms: Option<u64>,
    state: PollState,
    seal: Option<Digest>,
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

/// The positions by partition, of several.
fn positions(tally: &Tally) -> Option<BTreeMap<u16, String>> {
    let position = |share: &ShareProgress| (share.partition.number(), share.position.to_string());
    (tally.partitions != Partitions::ONE).then(|| tally.shares.iter().map(position).collect())
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
#[expect(clippy::struct_excessive_bools, reason = "each is told on its own")]
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
    /// In how many milliseconds the poll closes by itself, counted from this answer; absent without a countdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = json!(null))]
    closes_in_ms: Option<u64>,
    /// Whether the figures stand: no ballots are taken, and all that were taken are counted. Until then a closed poll's
    /// figures may still grow.
    #[serde(rename = "final")]
    is_final: bool,
    /// `live`, or `hidden`: only the turnout is shown.
    #[schema(example = "live")]
    results: &'static str,
    /// Turnout: how many voters have a ballot that counts.
    #[schema(example = 15)]
    voters: u64,
    /// Ballots of this poll in the ledger, over all rounds and changed votes.
    #[schema(example = 17)]
    counted: u64,
    /// How far the log is counted: with several partitions, how far all of them are.
    #[schema(example = "1700000000000-0")]
    position: String,
    /// How far each partition of the log is counted, by its number; absent if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"0": "1700000000000-0", "1": "1700000000007-2"}))]
    positions: Option<BTreeMap<u16, String>>,
    /// That the wording was corrected while there were ballots; absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<CorrectedWording>,
    /// Whether the poll was put away from the lists; absent if it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
    /// Whether its ballots are published, without names; absent if they are not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    published: bool,
    /// Which round of the poll this is; a reset begins the next.
    #[schema(example = 1)]
    round: u32,
    /// Which wording of the poll this is; a rewrite of its question, options or rules makes the next.
    #[schema(example = 1)]
    revision: u32,
    /// Changes when the question, the options, the visibility of the votes or their publication do: a page made for
    /// another edition is to be made anew.
    #[schema(example = "9f3c5a1e07b2d846")]
    edition: String,
    /// What people compare of the seal; absent unless the poll is closed and every partition has counted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<SealWords>,
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
    fn of(score: &PollScore) -> Self {
        let (tally, state) = (&score.tally, score.state());
        let Tally { poll, figures, .. } = tally;
        Self {
            poll: poll.id().to_string(),
            question: poll.question().to_owned(),
            state: state.as_str(),
            open: state == PollState::Open,
            closes_in_ms: score.closes_in_ms(),
            is_final: tally.is_final(),
            results: match poll.results() {
                Visibility::Live => "live",
                Visibility::Hidden => "hidden",
            },
            voters: figures.voters,
            counted: figures.ballots,
            position: tally.position().to_string(),
            positions: positions(tally),
            correction: CorrectedWording::of(poll),
            archived: poll.archived(),
            published: poll.is_published(),
            round: poll.round(),
            revision: poll.revision(),
            edition: edition(poll),
            seal: score.seal_words(),
            at: score.read_at_ms,
            stale_since: score.stale_since_ms(),
        }
    }
}

#[cfg(test)]
mod tests;
