//! The stored form of a poll: what the log and the ledger keep.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{Access, Correction, FIRST_REVISION, Poll, PollError, PollSpec, PollState, Visibility, checked};
use crate::PollId;

/// One flat object. What a poll has only sometimes is not written where it has it not, as it always was.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub(super) struct Record {
    id: PollId,
    state: PollState,
    #[serde(rename = "changes")]
    votes_can_change: bool,
    round: u32,
    /// Not written for the first, as it always was.
    #[serde(default = "first_revision", skip_serializing_if = "is_first_revision")]
    revision: u32,
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
    archived: bool,
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
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
impl From<Poll> for Record {
    fn from(Poll { id, round, revision, archived, correction, spec }: Poll) -> Self {
        Self {
            id,
            state: spec.state,
            votes_can_change: spec.votes_can_change,
            round,
            revision,
            question: spec.question,
            options: spec.options,
            max_choices: spec.max_choices,
            results: spec.results,
            access: spec.access,
            listed: spec.listed,
            new_voters_per_minute: spec.new_voters_per_minute,
            kiosk: spec.kiosk,
            archived,
            correction,
        }
    }
}

impl TryFrom<Record> for Poll {
    type Error = PollError;
    fn try_from(record: Record) -> Result<Self, PollError> {
        let Record { id, round, revision, archived, correction, .. } = record;
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
        };
        Ok(Self { id, round, revision, archived, correction, spec: checked(spec)? })
    }
}
