//! The JSON of the API and its schemas.

use std::num::NonZeroU16;

use domain::{Access, Correction, Countdown, Poll, PollChange, PollSpec, PollState, Visibility, Wording};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

use crate::{polls::countdown, refusal::Refusal};

/// A poll.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub(crate) struct PollBody {
    /// Its id, as in addresses.
    #[schema(example = "main", pattern = "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
    id: String,
    /// The question.
    #[schema(example = "Cats or Dogs?")]
    question: String,
    /// The texts of the options, in order; their keys are `a`, `b`, `c` … `z`.
    #[schema(example = json!(["Cats", "Dogs"]))]
    options: Vec<String>,
    /// How many options one ballot may choose.
    #[schema(minimum = 1, maximum = 26)]
    max_choices: u8,
    /// Whether ballots are taken.
    #[schema(schema_with = state_schema)]
    state: PollState,
    /// Whether everybody sees the votes, or only the turnout is shown.
    #[schema(schema_with = results_schema)]
    results: Visibility,
    /// Whether a voter may change their ballot while the poll is open.
    changes: bool,
    /// Whether anyone with the link may vote, or only holders of a voting code.
    #[schema(schema_with = access_schema)]
    access: Access,
    /// Whether the poll is in the public list.
    listed: bool,
    /// How many new voters a minute one network may bring; absent: as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>, minimum = 1)]
    new_voters_per_minute: Option<NonZeroU16>,
    /// Whether people may vote one after the other on one device ("next voter").
    kiosk: bool,
    /// Whether all ballots may be published without names after the close, as voters read before they vote; absent if
    /// they may not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    publish: bool,
    /// Whether they are published; absent if they are not. Then the poll can only be reset.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    published: bool,
    /// Whether it was put away from the lists; absent if it was not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    archived: bool,
    /// That the wording was corrected while there were ballots; absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<CorrectionBody>,
    /// Which round this is, from 1; a reset begins the next.
    #[schema(minimum = 1)]
    round: u32,
    /// Which revision this is, from 1; a rewrite of question, options or rules makes the next.
    #[schema(minimum = 1)]
    revision: u32,
    /// In how many milliseconds it closes by itself, counted from this answer; absent without a countdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    closes_in_ms: Option<u64>,
    /// How many ballots the log has accepted, over all rounds and changed votes.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
}

impl PollBody {
    /// `log_millis` is what the clock shows that ends the poll's countdown.
    pub(crate) fn new(poll: &Poll, accepted: Option<u64>, log_millis: u64) -> Self {
        Self {
            id: poll.id().to_string(),
            question: poll.question().to_owned(),
            options: poll.options().to_vec(),
            max_choices: poll.max_choices(),
            state: poll.state(),
            results: poll.results(),
            changes: poll.votes_can_change(),
            access: poll.access(),
            listed: poll.listed(),
            new_voters_per_minute: poll.new_voters_per_minute(),
            kiosk: poll.kiosk(),
            publish: poll.publish(),
            published: poll.is_published(),
            archived: poll.archived(),
            correction: poll.correction().cloned().map(CorrectionBody::from),
            round: poll.round(),
            revision: poll.revision(),
            closes_in_ms: poll.closes_in_millis(log_millis),
            accepted,
        }
    }
}

/// That the wording of a poll was corrected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CorrectionBody {
    /// When it was corrected last, in milliseconds since 1970.
    at: u64,
    /// The question before the first correction.
    question: String,
    /// The options before the first correction.
    options: Vec<String>,
}

impl From<Correction> for CorrectionBody {
    fn from(Correction { at_millis, question, options }: Correction) -> Self {
        Self { at: at_millis, question, options }
    }
}

/// All polls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PollsBody {
    /// By id.
    pub(crate) polls: Vec<PollBody>,
}

/// A poll to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub(crate) struct NewPoll {
    /// 1 to 32 of `a-z`, `0-9` and `-`, neither beginning nor ending with `-`. Without it a random one is made.
    #[schema(example = "lunch")]
    pub(crate) id: Option<String>,
    /// 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    question: String,
    /// 2 to 26 texts of 1 to 200 characters, all different.
    #[schema(min_items = 2, max_items = 26)]
    options: Vec<String>,
    /// How many options one ballot may choose, 1 to the number of options.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 26, default = 1)]
    max_choices: u8,
    /// The state to begin in.
    #[serde(default = "open")]
    #[schema(schema_with = state_schema)]
    state: PollState,
    /// Whether everybody sees the votes, or only the turnout is shown.
    #[serde(default = "live")]
    #[schema(schema_with = results_schema)]
    results: Visibility,
    /// Whether a voter may change their ballot while the poll is open.
    #[serde(default = "yes")]
    #[schema(default = true)]
    changes: bool,
    /// Whether anyone with the link may vote, or only holders of a voting code.
    #[serde(default = "anyone")]
    #[schema(schema_with = access_schema)]
    access: Access,
    /// Whether the poll is in the public list.
    #[serde(default)]
    listed: bool,
    /// How many new voters a minute one network may bring; as many as come without it. A hall may be one network.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1)]
    new_voters_per_minute: Option<NonZeroU16>,
    /// Whether people may vote one after the other on one device: its page then offers "next voter" after a vote.
    #[serde(default)]
    kiosk: bool,
    /// Whether all ballots may be published without names after the close. The voting page says so before the vote. It
    /// is done by `POST /api/polls/{poll}/publish`.
    #[serde(default)]
    publish: bool,
}

fn one() -> u8 {
    1
}
fn yes() -> bool {
    true
}
fn open() -> PollState {
    PollState::Open
}
fn live() -> Visibility {
    Visibility::Live
}
fn anyone() -> Access {
    Access::Anyone
}

impl From<NewPoll> for PollSpec {
    fn from(new: NewPoll) -> Self {
        Self {
            question: new.question,
            options: new.options,
            max_choices: new.max_choices,
            state: new.state,
            results: new.results,
            votes_can_change: new.changes,
            access: new.access,
            listed: new.listed,
            new_voters_per_minute: new.new_voters_per_minute,
            kiosk: new.kiosk,
            publish: new.publish,
        }
    }
}

/// Changes of a poll; fields that are left out stay. Once there are ballots, only `listed`, `new_voters_per_minute` and
/// `kiosk` can be changed, and with `correction` the words of question and options.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PollPatch {
    /// 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    question: Option<String>,
    /// 2 to 26 texts of 1 to 200 characters, all different.
    #[schema(min_items = 2, max_items = 26)]
    options: Option<Vec<String>>,
    /// How many options one ballot may choose.
    #[schema(minimum = 1, maximum = 26)]
    max_choices: Option<u8>,
    /// Whether a voter may change their ballot while the poll is open.
    changes: Option<bool>,
    /// Whether anyone with the link may vote, or only holders of a voting code.
    #[schema(schema_with = access_schema)]
    access: Option<Access>,
    /// Whether the poll is in the public list.
    pub(crate) listed: Option<bool>,
    /// How many new voters a minute one network may bring; 0: as many as come.
    pub(crate) new_voters_per_minute: Option<u16>,
    /// Whether people may vote one after the other on one device.
    kiosk: Option<bool>,
    /// Whether all ballots may be published without names after the close.
    publish: Option<bool>,
    /// Whether `question` and `options` only correct the words: as many options as before, in the same order. That is
    /// done also once there are ballots, and noted with its time wherever the result is shown.
    #[serde(default)]
    correction: bool,
}

impl PollPatch {
    /// Everything that is to be done to the poll, in this order.
    pub(crate) fn changes(self, poll: &Poll, now_millis: u64) -> Result<Vec<PollChange>, Refusal> {
        let other_words = self.question.is_some() || self.options.is_some();
        let other_rules = [self.max_choices.is_some(), self.changes.is_some(), self.access.is_some()];
        let other_rules = other_rules.contains(&true) || self.publish.is_some();
        let mut changes = Vec::new();
        changes.extend(self.new_voters_per_minute.map(|limit| PollChange::LimitNewVoters(NonZeroU16::new(limit))));
        changes.extend(self.kiosk.map(PollChange::Kiosk));
        changes.extend(self.listed.map(PollChange::List));
        if self.correction {
            if other_rules || !other_words {
                return Err(Refusal::NotACorrection);
            }
            let PollSpec { question, options, .. } = self.applied_to(poll);
            changes.insert(0, PollChange::Correct(Box::new(Wording { question, options, at_millis: now_millis })));
        } else if other_words || other_rules {
            changes.insert(0, PollChange::Rewrite(Box::new(self.applied_to(poll))));
        }
        if changes.is_empty() { Err(Refusal::EmptyPatch) } else { Ok(changes) }
    }

    /// The whole poll after the patch, without what is a change of its own.
    fn applied_to(self, poll: &Poll) -> PollSpec {
        PollSpec {
            question: self.question.unwrap_or_else(|| poll.question().to_owned()),
            options: self.options.unwrap_or_else(|| poll.options().to_vec()),
            max_choices: self.max_choices.unwrap_or_else(|| poll.max_choices()),
            state: poll.state(),
            results: poll.results(),
            votes_can_change: self.changes.unwrap_or_else(|| poll.votes_can_change()),
            access: self.access.unwrap_or_else(|| poll.access()),
            listed: poll.listed(),
            new_voters_per_minute: poll.new_voters_per_minute(),
            kiosk: poll.kiosk(),
            publish: self.publish.unwrap_or_else(|| poll.publish()),
        }
    }
}

/// What may be said when a poll is opened: nothing, or one of both.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    /// After how many seconds it closes by itself, counted from when the log opens it.
    #[schema(minimum = 1, maximum = 86_400, example = 30)]
    seconds: Option<u32>,
    /// When it closes by itself, by the clock of the log's server: RFC 3339, at most a day away.
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null))]
    closes_at: Option<Timestamp>,
}

impl Opening {
    /// The change that opens the poll so.
    pub(crate) fn change(self) -> Result<PollChange, Refusal> {
        Ok(match (countdown::of_number(self.seconds)?, self.closes_at) {
            (None, None) => PollChange::Open,
            (Some(seconds), None) => PollChange::OpenFor(Countdown::For(seconds)),
            (None, Some(moment)) => PollChange::OpenFor(countdown::until(moment)),
            (Some(_), Some(_)) => return Err(Refusal::JsonShape("either `seconds` or `closes_at`".into())),
        })
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.seconds.is_none() && self.closes_at.is_none()
    }
}

/// A ballot to cast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBallot {
    /// Keys of options: `a`, `b`, `c` … `z`, each once, at most `max_choices` of them.
    #[schema(example = json!(["a"]), min_items = 1, max_items = 26)]
    pub(crate) choices: Vec<String>,
    /// The voting code, in polls whose `access` is `codes`; upper or lower case, with or without dashes, or its whole
    /// link. Elsewhere it is passed over. With the cookie of an earlier ballot it may be left out, unless the poll is a
    /// kiosk.
    #[serde(default)]
    #[schema(example = json!(null), max_length = 1000)]
    pub(crate) code: Option<String>,
    /// The `revision` of the poll that the voter was shown. A poll that was rewritten since refuses the ballot, since
    /// its keys may stand for other options by now. If it is left out, the choices are taken for the poll as it is.
    #[serde(default)]
    #[schema(example = json!(null), minimum = 1)]
    pub(crate) revision: Option<u32>,
}

/// A ballot that is on the log's disk and will be counted exactly once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedBallot {
    /// With it the result service says whether the ballot is counted: `/api/polls/{poll}/receipts/{receipt}`.
    #[schema(min_length = 43, max_length = 43)]
    pub(crate) receipt: String,
    /// Its place in the log, `milliseconds since 1970-sequence`. A text, as the number behind it is beyond what
    /// JavaScript can hold exactly.
    #[schema(example = "1795424400000-0", pattern = "^[0-9]+-[0-9]+$")]
    pub(crate) position: String,
    /// The place of the same voter's ballot that this one replaces, as far as the voter's cookie knows.
    #[schema(example = json!(null))]
    pub(crate) replaces: Option<String>,
}

/// A voting code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeBody {
    /// Its number, from 1.
    #[schema(minimum = 1)]
    pub(crate) number: u16,
    /// The text that its holder types.
    #[schema(example = "K7QM-2XPD-9W1B", pattern = "^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$")]
    pub(crate) code: String,
}

/// Voting codes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodesBody {
    /// By number.
    pub(crate) codes: Vec<CodeBody>,
}

fn words(words: &[&'static str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}
pub(super) fn state_schema() -> Object {
    words(&[PollState::Waiting, PollState::Open, PollState::Closed].map(PollState::as_str))
}
pub(super) fn results_schema() -> Object {
    words(&["live", "hidden"])
}
fn access_schema() -> Object {
    words(&["anyone", "codes"])
}
