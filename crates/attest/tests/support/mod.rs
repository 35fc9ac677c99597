//! An honest poll, and what is found in a publication by what somebody has kept.
// Each test takes what it needs.
#![allow(dead_code)]

use scrutin_attest::{Evidence, KeptNote, Verification, verify};
use testkit::published_poll::PublishedPoll;

/// Six voters, of whom one changes her vote, in two partitions.
pub(crate) fn honest() -> PublishedPoll {
    PublishedPoll::of(2, [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "ab"), (2, "a"), (6, "b")])
}

/// One thing that was kept.
pub(crate) fn note(text: String) -> Vec<KeptNote> {
    vec![KeptNote { name: "kept".to_owned(), text }]
}

pub(crate) fn check(publication: &PublishedPoll, evidence: &Evidence) -> Verification {
    verify(publication.file().as_bytes(), evidence)
}
