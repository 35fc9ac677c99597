//! What goes over the API: the JSON forms and their schemas.

use domain::{Access, Poll, PollSpec, PollState, Visibility};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// A poll.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PollBody {
    /// Its id, as it stands in addresses.
    #[schema(example = "main", pattern = "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
    id: String,
    /// What is asked.
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
    /// Whether the poll stands in the public list.
    listed: bool,
    /// Which round this is, from 1; a reset begins the next.
    #[schema(minimum = 1)]
    round: u32,
    /// Which revision this is, from 1; a rewrite of question, options or rules makes the next.
    #[schema(minimum = 1)]
    revision: u32,
    /// How many ballots the log has accepted, over all rounds and changed votes.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
}

impl PollBody {
    pub(crate) fn new(poll: &Poll, accepted: Option<u64>) -> Self {
        Self {
            id: poll.id().to_string(),
            question: poll.question().to_owned(),
            options: poll.options().to_vec(),
            max_choices: poll.max_choices(),
            state: poll.state(),
            results: poll.results(),
            changes: poll.changes(),
            access: poll.access(),
            listed: poll.listed(),
            round: poll.round(),
            revision: poll.revision(),
            accepted,
        }
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
    /// Whether the poll stands in the public list.
    #[serde(default)]
    listed: bool,
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
        let NewPoll { id: _, question, options, max_choices, state, results, changes, access, listed } = new;
        Self { question, options, max_choices, state, results, changes, access, listed }
    }
}

/// What is to be different about a poll; what is left out stays. All but `listed` is refused once there are ballots.
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
    /// Whether the poll stands in the public list.
    pub(crate) listed: Option<bool>,
}

impl PollPatch {
    /// Whether it asks for anything but `listed`.
    pub(crate) fn rewrites(&self) -> bool {
        let Self { question, options, max_choices, changes, access, listed: _ } = self;
        question.is_some() || options.is_some() || max_choices.is_some() || changes.is_some() || access.is_some()
    }

    /// All of the poll as it is to be, but for `listed`, which is a change of its own.
    pub(crate) fn applied_to(self, poll: &Poll) -> PollSpec {
        PollSpec {
            question: self.question.unwrap_or_else(|| poll.question().to_owned()),
            options: self.options.unwrap_or_else(|| poll.options().to_vec()),
            max_choices: self.max_choices.unwrap_or_else(|| poll.max_choices()),
            state: poll.state(),
            results: poll.results(),
            changes: self.changes.unwrap_or_else(|| poll.changes()),
            access: self.access.unwrap_or_else(|| poll.access()),
            listed: poll.listed(),
        }
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
    /// link. Elsewhere it is passed over. With the cookie of an earlier ballot it may be left out.
    #[serde(default)]
    #[schema(example = json!(null), max_length = 1000)]
    pub(crate) code: Option<String>,
    /// The `revision` of the poll that the voter was shown. A poll that was rewritten since refuses the ballot, since its
    /// keys may stand for other options by now. If it is left out, the choices are taken for the poll as it is.
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
    /// What its holder types.
    #[schema(example = "K7QM-2XPD-9W1B", pattern = "^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$")]
    pub(crate) code: String,
}

/// Voting codes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodesBody {
    /// By number.
    pub(crate) codes: Vec<CodeBody>,
}

/// What went wrong (RFC 9457); `application/problem+json`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of service::problem::Problem")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`.
    r#type: String,
    /// The reason phrase of the status.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong, for programs: a stable word such as `poll-closed`.
    code: String,
    /// What went wrong, for people.
    detail: String,
    /// Seconds after which trying again makes sense.
    retry_after_seconds: Option<u32>,
}

fn words(words: &[&'static str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}
fn state_schema() -> Object {
    words(&["waiting", "open", "closed"])
}
fn results_schema() -> Object {
    words(&["live", "hidden"])
}
fn access_schema() -> Object {
    words(&["anyone", "codes"])
}
