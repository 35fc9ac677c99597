//! What the installation states in a published file: its key, its words and rules, its seal and its result.

use domain::{BallotTerms, Digest};

use super::{
    evidence::Evidence,
    finding::{FindingKind, KeptBy},
    sums::PollCount,
    verification::{PollWording, Unchecked, Verification, VerifiedPoll},
};
use crate::{
    key::{VerifierKey, key_name},
    note::{NoteError, NoteText, SignedNote},
    origin::RoundName,
    published::PublishedHeader,
    result_note::ResultNote,
    seal::Seal,
    words::words,
};

/// The statements of a header, read and compared with each other.
pub(super) struct HeaderStatements {
    pub(super) round: RoundName,
    /// Each with its digest.
    pub(super) wordings: Vec<(BallotTerms, Digest)>,
    pub(super) seal: Seal,
    result: Option<ResultNote>,
}

impl HeaderStatements {
    /// Reads and compares them; `None` if there is no seal to compare the ballots with.
    pub(super) fn open(
        header: &PublishedHeader,
        key: &VerifierKey,
        evidence: &Evidence,
        verification: &mut Verification,
    ) -> Option<Self> {
        let there = header.round.poll;
        if let Some(asked) = evidence.poll.filter(|asked| *asked != there) {
            verification.unchecked.push(Unchecked::AnotherPoll { asked, there });
        }
        if !key.is_same_as(&header.key) {
            verification.find(FindingKind::OtherKey.by(KeptBy::Key, "the key"));
        }
        if header.key.name() != key_name(&header.round.installation) {
            verification.find(FindingKind::KeyName.alone());
        }
        let keys = (key, &header.key);
        let seal: Option<Seal> = opened(&header.seal, keys, FindingKind::SealNotSigned, verification);
        let result = opened(&header.result, keys, FindingKind::ResultNotSigned, verification);
        let wordings = header.wordings.iter().map(|terms| (terms.clone(), terms.digest())).collect();
        let statements = Self { round: header.round.clone(), wordings, seal: seal?, result };
        verification.poll = Some(statements.poll(key, evidence));
        statements.compare_wordings(verification);
        statements.compare_notes(verification);
        Some(statements)
    }

    /// How many options the poll has.
    pub(super) fn options(&self) -> usize {
        self.terms().options.len()
    }

    /// What was in force at the close.
    pub(super) fn terms(&self) -> &BallotTerms {
        let sealed = self.wordings.iter().rfind(|(_, digest)| *digest == self.seal.wording);
        let (terms, _) = sealed.or(self.wordings.last()).expect("a header has a wording");
        terms
    }

    fn poll(&self, key: &VerifierKey, evidence: &Evidence) -> VerifiedPoll {
        let terms = self.terms();
        VerifiedPoll {
            round: self.round.clone(),
            question: terms.question.clone(),
            options: terms.options.clone(),
            key: key.clone(),
            key_was_given: evidence.key.is_some(),
            seal: self.seal.digest(),
            words: words(&self.seal.digest()),
            closed_ms: self.seal.closed_ms,
            wordings: self.wordings.iter().map(|(terms, _)| words_of(terms)).collect(),
            count: None,
        }
    }

    fn compare_wordings(&self, verification: &mut Verification) {
        if !self.terms().publish {
            verification.find(FindingKind::NotForPublication.alone());
        }
        if self.wordings.iter().all(|(_, digest)| *digest != self.seal.wording) {
            verification.find(FindingKind::WordingMissing.alone());
        }
    }

    fn compare_notes(&self, verification: &mut Verification) {
        if self.seal.round != self.round {
            verification.find(FindingKind::SealOfAnother.alone());
        }
        let Some(result) = &self.result else { return };
        if result.round != self.round || result.seal != self.seal.digest() {
            verification.find(FindingKind::ResultOfAnother.alone());
        }
    }

    /// Compares what was counted with what is stated.
    pub(super) fn compare(&self, sums: &PollCount, verification: &mut Verification) {
        let rules = |terms: &BallotTerms| BallotTerms {
            question: String::new(),
            options: vec![String::new(); terms.options.len()],
            ..terms.clone()
        };
        let used = self.wordings.iter().zip(&sums.wordings).filter(|(_, ballots)| **ballots > 0);
        if used.into_iter().any(|((terms, _), _)| rules(terms) != rules(self.terms())) {
            verification.find(FindingKind::RulesDiffer.alone());
        }
        let Seal { ballots, voters, .. } = self.seal;
        if ballots != sums.ballots {
            verification.find(FindingKind::BallotsDiffer(ballots, sums.ballots).alone());
        }
        if voters != sums.voters {
            verification.find(FindingKind::VotersDiffer(voters, sums.voters).alone());
        }
        let Some(ResultNote { votes, .. }) = &self.result else { return };
        if votes.len() != sums.votes.len() {
            verification.find(FindingKind::OptionsDiffer.alone());
        }
        for (option, (&signed, &there)) in votes.iter().zip(&sums.votes).enumerate() {
            if signed != there {
                verification.find(FindingKind::VotesDiffer(option, signed, there).alone());
            }
        }
    }
}

fn words_of(terms: &BallotTerms) -> PollWording {
    PollWording { question: terms.question.clone(), options: terms.options.clone() }
}

/// What a note says. If its signature is wrong that is a finding, and what it says is compared all the same. Where the
/// file's own key signed it, only the key that was kept finds that.
fn opened<T: NoteText>(
    note: &str,
    (key, own): (&VerifierKey, &VerifierKey),
    finding: fn(NoteError) -> FindingKind,
    verification: &mut Verification,
) -> Option<T> {
    let opened = key.open(note);
    if let Err(error) = &opened {
        let found = finding(*error);
        let found = if own.open::<T>(note).is_ok() { found.by(KeptBy::Key, "the key") } else { found.alone() };
        verification.find(found);
    }
    opened.ok().or_else(|| T::parse(SignedNote::parse(note).ok()?.text()))
}
