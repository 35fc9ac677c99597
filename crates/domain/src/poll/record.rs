//! A poll, and the record of it that log and ledger store.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{
    correction::Correction,
    limits::{PollError, checked, tidied},
    spec::{Access, PollSpec, PollState, Visibility},
};
use crate::{
    choices::{Choices, ChoicesError},
    front_page::FrontPage,
    poll_id::PollId,
};

/// The revision of a poll that was never rewritten.
pub const FIRST_REVISION: u32 = 1;
/// The version of a poll that was never changed.
const FIRST_VERSION: u64 = 1;

/// A poll that keeps to all limits. Its JSON is what the log and the ledger store.
///
/// Fields that a later release adds are ignored by this one, so both can run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Poll {
    pub(super) id: PollId,
    pub(super) round: u32,
    pub(super) revision: u32,
    pub(super) version: u64,
    pub(super) archived: bool,
    /// Only while it is closed.
    pub(super) published: bool,
    /// While it is closed, and only then.
    pub(super) closed_in: Option<u64>,
    /// Only in the default poll.
    pub(super) front_page: Option<FrontPage>,
    /// Only while it is open.
    pub(super) closes_at: Option<u64>,
    pub(super) correction: Option<Box<Correction>>,
    pub(super) spec: PollSpec,
}

impl Poll {
    /// A poll in its first round, if `spec` keeps to the limits. Its texts are tidied.
    pub fn new(id: PollId, spec: PollSpec) -> Result<Self, PollError> {
        let spec = tidied(spec)?;
        let closed_in = (spec.state == PollState::Closed).then_some(FIRST_VERSION);
        Ok(Self {
            id,
            round: 1,
            revision: FIRST_REVISION,
            version: FIRST_VERSION,
            archived: false,
            published: false,
            closed_in,
            front_page: None,
            closes_at: None,
            correction: None,
            spec,
        })
    }

    /// Its id.
    pub fn id(&self) -> PollId {
        self.id
    }
    /// What is asked.
    pub fn question(&self) -> &str {
        &self.spec.question
    }
    /// The texts of the options; option `a` is the first.
    pub fn options(&self) -> &[String] {
        &self.spec.options
    }
    /// How many options one ballot may choose.
    pub fn max_choices(&self) -> u8 {
        self.spec.max_choices
    }
    /// Whether ballots are taken.
    pub fn state(&self) -> PollState {
        self.spec.state
    }
    /// Whether ballots are taken now.
    pub fn is_open(&self) -> bool {
        self.spec.state == PollState::Open
    }
    /// Who sees the votes.
    pub fn results(&self) -> Visibility {
        self.spec.results
    }
    /// Whether only the turnout may be shown.
    pub fn is_hidden(&self) -> bool {
        self.spec.results == Visibility::Hidden
    }
    /// Whether a voter may change their ballot.
    pub fn votes_can_change(&self) -> bool {
        self.spec.votes_can_change
    }
    /// Who may vote.
    pub fn access(&self) -> Access {
        self.spec.access
    }
    /// Whether it is in the public list.
    pub fn listed(&self) -> bool {
        self.spec.listed
    }
    /// How many new voters a minute one network may bring; `None` for as many as come.
    pub fn new_voters_per_minute(&self) -> Option<NonZeroU16> {
        self.spec.new_voters_per_minute
    }
    /// Whether people may vote one after the other on one device.
    pub fn kiosk(&self) -> bool {
        self.spec.kiosk
    }
    /// Whether it was put away from the lists. It is not open then.
    pub fn archived(&self) -> bool {
        self.archived
    }
    /// Whether all ballots may be published without names after the close. Voters read it before they vote.
    pub fn publish(&self) -> bool {
        self.spec.publish
    }
    /// Whether that was done. Then the poll is closed, its votes are shown, and it can only be reset.
    pub fn is_published(&self) -> bool {
        self.published
    }
    /// The version of the change that closed it, or began its round closed; `None` of a poll that is not closed. Later
    /// changes keep it while the poll stays closed.
    pub fn closed_in(&self) -> Option<u64> {
        self.closed_in
    }
    /// What the root address shows in place of this poll, which is the default poll then; `None` for this poll itself.
    pub fn front_page(&self) -> Option<FrontPage> {
        self.front_page
    }
    /// Whether the wording was corrected while there were ballots, when, and what it was before.
    pub fn correction(&self) -> Option<&Correction> {
        self.correction.as_deref()
    }
    /// The moment of the log's clock at which the poll closes by itself, in milliseconds since 1970. Only of an open
    /// poll.
    pub fn closes_at(&self) -> Option<u64> {
        self.closes_at
    }

    /// How many milliseconds are left then; `None` without a countdown, and once it has ended.
    pub fn closes_in_millis(&self, now_millis: u64) -> Option<u64> {
        self.closes_at?.checked_sub(now_millis).filter(|&left| left > 0)
    }

    /// Whether ballots are taken at this moment of the log's clock.
    pub fn is_open_at(&self, now_millis: u64) -> bool {
        self.is_open() && self.closes_at.is_none_or(|moment| now_millis < moment)
    }
    /// Which round this is, from 1; a reset begins the next.
    pub fn round(&self) -> u32 {
        self.round
    }
    /// Which revision this is, from [`FIRST_REVISION`]; a rewrite makes the next. Two polls of one id and revision ask
    /// the same question with the same options and rules, if perhaps in corrected words.
    pub fn revision(&self) -> u32 {
        self.revision
    }
    /// Which version this is, from 1; each change makes the next. The partitions that hold a poll tell by it which of
    /// them is behind. Polls of one id and version are equal, but where a poll's home has lost changes.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// The same poll as a version after both of these.
    #[must_use]
    pub fn after_versions(mut self, one: u64, other: u64) -> Self {
        self.version = one.max(other).saturating_add(1);
        self
    }

    /// The same version with hidden results, and not published: for a reader who must hold the votes back longer than
    /// the poll says.
    #[must_use]
    pub(crate) fn with_hidden_results(mut self) -> Self {
        (self.spec.results, self.published) = (Visibility::Hidden, false);
        self
    }

    /// The round to count first after a gap, for a poll that the ledger does not know.
    ///
    /// The poll is known as it is now, but the log continues earlier: the reset that began the present round may still
    /// be to come, and ballots before it are of the round before. So counting starts in that round, and the first entry
    /// of the present round begins the next. A poll in its first round was never reset.
    pub fn first_round_after_gap(&self) -> u32 {
        self.round.saturating_sub(1).max(1)
    }

    /// The poll as it was before the reset that began its present round, as far as ballots are concerned; `None` in
    /// the first round.
    pub fn before_reset(&self) -> Option<Self> {
        let round = self.round.checked_sub(1).filter(|round| *round > 0)?;
        Some(Self { round, ..self.clone() })
    }

    /// Whether a ballot with these choices can be cast in this poll.
    pub fn check(&self, choices: Choices) -> Result<(), ChoicesError> {
        choices.fit(self.options().len(), self.max_choices())
    }

    /// Whether the other asks the same: question, options and rules.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        let asked = |poll: &Self| {
            let PollSpec { state, results, listed, new_voters_per_minute, kiosk, .. } = self.spec;
            PollSpec { state, results, listed, new_voters_per_minute, kiosk, ..poll.spec.clone() }
        };
        asked(self) == asked(other)
    }
}

/// One flat object. What a poll has only sometimes is not written where it has it not, as it always was.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
struct Record {
    id: PollId,
    state: PollState,
    #[serde(rename = "changes")]
    votes_can_change: bool,
    round: u32,
    /// Not written for the first, as it always was.
    #[serde(default = "first_revision", skip_serializing_if = "is_first_revision")]
    revision: u32,
    /// Not written for the first, as polls of 0.1.0 have none.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    version: u64,
    question: String,
    options: Vec<String>,
    max_choices: u8,
    results: Visibility,
    access: Access,
    #[serde(default)]
    listed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new_voters_per_minute: Option<NonZeroU16>,
    #[serde(default, skip_serializing_if = "is_false")]
    kiosk: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    publish: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    archived: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    published: bool,
    /// Not written when it is the version of the poll: a closed poll of an earlier release has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_in: Option<u64>,
    /// Milliseconds since 1970 on the log's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closes_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    front_page: Option<FrontPage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correction: Option<Box<Correction>>,
}

fn first_revision() -> u32 {
    FIRST_REVISION
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first_revision(revision: &u32) -> bool {
    *revision == FIRST_REVISION
}
fn first_version() -> u64 {
    FIRST_VERSION
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first_version(version: &u64) -> bool {
    *version == FIRST_VERSION
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
impl From<Poll> for Record {
    fn from(poll: Poll) -> Self {
        let Poll { id, round, revision, version, archived, published, front_page, closes_at, correction, .. } = poll;
        let (closed_in, spec) = (poll.closed_in.filter(|&closed_in| closed_in != version), poll.spec);
        Self {
            id,
            state: spec.state,
            votes_can_change: spec.votes_can_change,
            round,
            revision,
            version,
            question: spec.question,
            options: spec.options,
            max_choices: spec.max_choices,
            results: spec.results,
            access: spec.access,
            listed: spec.listed,
            new_voters_per_minute: spec.new_voters_per_minute,
            kiosk: spec.kiosk,
            publish: spec.publish,
            archived,
            published,
            closed_in,
            front_page,
            closes_at,
            correction,
        }
    }
}

impl TryFrom<Record> for Poll {
    type Error = PollError;
    fn try_from(record: Record) -> Result<Self, PollError> {
        let Record { id, round, revision, version, archived, front_page, correction, .. } = record;
        // Whoever closes a poll also takes its countdown away.
        let closes_at = record.closes_at.filter(|_| record.state == PollState::Open);
        let is_closed = record.state == PollState::Closed;
        let published = record.published && is_closed;
        let closed_in = is_closed.then(|| record.closed_in.unwrap_or(version));
        let spec = PollSpec {
            question: record.question,
            options: record.options,
            max_choices: record.max_choices,
            state: record.state,
            results: record.results,
            votes_can_change: record.votes_can_change,
            access: record.access,
            listed: record.listed,
            new_voters_per_minute: record.new_voters_per_minute,
            kiosk: record.kiosk,
            publish: record.publish,
        };
        let spec = checked(spec)?;
        Ok(Self {
            id,
            round,
            revision,
            version,
            archived,
            published,
            closed_in,
            front_page,
            closes_at,
            correction,
            spec,
        })
    }
}
