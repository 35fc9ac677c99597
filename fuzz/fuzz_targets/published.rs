//! Published ballots, signed notes, proofs and paths of tiles: whatever a server or a stranger may hand to a verifier.
//! What is read is what would be written, and nothing stops the verifier.

#![no_main]

use std::{fmt::Display, str};

use attest::{
    Checkpoint, Evidence, InclusionProof, KeptNote, NoteText, Promise, PublishedBallot, PublishedHeader, PublishedTree,
    ResultNote, Seal, SignedNote, TilePath, VerifierKey, parse_words, verify,
};
use libfuzzer_sys::fuzz_target;

const PUBLICATION: &str = concat!(
    include_str!("../../crates/attest/tests/golden/header.json"),
    include_str!("../../crates/attest/tests/golden/ballots.txt"),
);

fuzz_target!(|data: &[u8]| {
    let _ = verify(data, &Evidence::default());
    let Ok(text) = str::from_utf8(data) else { return };
    same(PublishedBallot::parse(text), text);
    same(PublishedHeader::parse(text), text);
    same(PublishedTree::parse(text), text);
    same(InclusionProof::parse(text).ok(), text);
    same(text.parse::<TilePath>().ok(), text);
    same(text.parse::<VerifierKey>().ok(), text);
    same_note::<Seal>(text);
    same_note::<ResultNote>(text);
    same_note::<Promise>(text);
    same_note::<Checkpoint>(text);
    let _ = (SignedNote::parse(text), parse_words(text));
    kept(text);
});

fn same(read: Option<impl Display>, text: &str) {
    assert!(read.is_none_or(|read| read.to_string() == text));
}

fn same_note<T: NoteText>(text: &str) {
    assert!(T::parse(text).is_none_or(|note| note.text() == text));
}

/// Nothing that a stranger makes counts as kept.
fn kept(text: &str) {
    let note = || vec![KeptNote { name: String::new(), text: text.to_owned() }];
    for evidence in [
        Evidence { proofs: note(), ..Evidence::default() },
        Evidence { promises: note(), ..Evidence::default() },
        Evidence { checkpoints: note(), ..Evidence::default() },
        Evidence { seals: note(), ..Evidence::default() },
    ] {
        let _ = verify(PUBLICATION.as_bytes(), &evidence);
    }
}
