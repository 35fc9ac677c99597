//! What the ledger's trees hold, written as a published file, holds against the seals of every close.

use std::collections::HashMap;

use domain::{
    BallotTerms, Choices, Digest, InstallationId, LeafBallot, LeafOrder, PollId, Position, PublishedChoices,
    RoundHistory, Secret, TermsInForce, TreeBallot, TreeClose, TreeId, TreeRebuild, VoterId,
};
use proptest::prelude::*;
use scrutin_attest::{
    BallotContent, END_OF_PUBLICATION, Evidence, KeptNote, NoteKey, PublishedBallot, PublishedHeader, PublishedTree,
    ResultNote, RoundName, Seal, SealedTree, Verification, verify,
};

fn position(index: usize) -> Position {
    Position::new(1_790_000_000_000 + index as u64, 0).expect("it is a position")
}

fn tree() -> TreeId {
    let (installation, poll) = (InstallationId::new("7b1f"), PollId::MAIN);
    TreeId { installation, poll, round: 1, partition: 0, partitions: 1, generation: 0 }
}

fn terms(question: &str) -> BallotTerms {
    BallotTerms {
        question: question.to_owned(),
        options: ["Yes", "No", "Later"].map(str::to_owned).into(),
        max_choices: 3,
        changes: true,
        access: "codes".to_owned(),
        publish: true,
    }
}

/// The ballots of one round, in order, and before which of them the poll was closed or corrected.
struct Round {
    ballots: Vec<LeafBallot>,
    replaced: Vec<bool>,
    history: RoundHistory,
}

impl Round {
    fn of(cast: &[(u8, u32)], closes: &[usize], correction: usize) -> Self {
        let (mut last, mut ballots, mut replaced) = (HashMap::new(), Vec::new(), vec![false; cast.len()]);
        for (index, (voter, bits)) in cast.iter().enumerate() {
            let before = last.insert(*voter, index);
            if let Some(before) = before {
                replaced[before] = true;
            }
            ballots.push(LeafBallot {
                voter: VoterId::from_bytes([*voter; 16]),
                position: position(2 * index + 2),
                choices: Choices::from_bits(*bits).expect("1 to 3 options"),
                replaces: before.map(|before| position(2 * before + 2)),
            });
        }
        let corrected = TermsInForce { after: position(2 * correction + 1), terms: terms("Tea now?") };
        let history = RoundHistory {
            since: position(0),
            terms: vec![TermsInForce { after: position(0), terms: terms("Tea?") }, corrected],
            closes: closes.iter().zip(2..).map(|(index, version)| (position(2 * index + 1), version)).collect(),
            has_ended: false,
        };
        Self { ballots, replaced, history }
    }

    fn in_order_of_leaves(&self) -> Vec<TreeBallot> {
        let mut order = LeafOrder::begin(&tree(), &self.history);
        let ballots = self.ballots.iter().zip(&self.replaced);
        let mut published: Vec<_> = ballots.flat_map(|(ballot, replaced)| order.add(ballot, *replaced)).collect();
        published.extend(order.end());
        published
    }

    fn closes(&self) -> Vec<TreeClose> {
        let mut rebuild = TreeRebuild::begin(tree(), &self.history);
        self.ballots.iter().for_each(|ballot| rebuild.add(ballot));
        rebuild.end().2
    }
}

fn published(ballot: &TreeBallot) -> PublishedBallot {
    let TreeBallot { mark, replaces, choices, wording } = *ballot;
    let content = match choices {
        PublishedChoices::Open(choices, blind) => BallotContent::Counts { choices, blind },
        PublishedChoices::Closed(hidden) => BallotContent::Replaced { hidden },
    };
    let wording = if wording == terms("Tea?").digest() { 1 } else { 2 };
    PublishedBallot { mark, replaces, content, wording }
}

fn key() -> NoteKey {
    NoteKey::new(&Secret::parse(&"x".repeat(32)).expect("it is long enough"), &tree().installation)
}

fn seal(close: &TreeClose, wording: Digest) -> Seal {
    let TreeClose { version, size, root, voters, .. } = *close;
    Seal {
        round: RoundName { installation: tree().installation, poll: tree().poll, round: 1 },
        version,
        wording,
        closed_ms: 1_790_000_000_000,
        trees: vec![SealedTree { partition: 0, generation: 0, size, root }],
        ballots: size,
        voters,
    }
}

/// The published file of a round after its last close, checked against the seals of all closes.
fn verified(round: &Round) -> Verification {
    let closes = round.closes();
    let sealed = |close| key().sign(&seal(close, terms("Tea now?").digest()));
    let last = closes.last().expect("the poll is closed at the end");
    let ballots = round.in_order_of_leaves();
    let counted = ballots.iter().filter_map(|ballot| match ballot.choices {
        PublishedChoices::Open(choices, _) => Some(choices),
        PublishedChoices::Closed(_) => None,
    });
    let mut votes = vec![0; 3];
    counted.for_each(|choices| choices.indices().for_each(|option| votes[option] += 1));
    let seal_of_last = seal(last, terms("Tea now?").digest());
    let result = ResultNote { round: seal_of_last.round.clone(), seal: seal_of_last.digest(), votes };
    let header = PublishedHeader {
        round: seal_of_last.round.clone(),
        key: key().verifier().clone(),
        wordings: vec![terms("Tea?"), terms("Tea now?")],
        seal: sealed(last),
        result: key().sign(&result),
    };
    let heading = PublishedTree { partition: 0, partitions: 1, generation: 0, size: last.size };
    let mut lines = vec![header.to_string(), heading.to_string()];
    lines.extend(ballots.iter().map(|ballot| published(ballot).to_string()));
    lines.push(format!("{END_OF_PUBLICATION}\n"));
    let kept = closes.iter().map(|close| KeptNote { name: format!("seal {}", close.version), text: sealed(close) });
    verify(lines.join("\n").as_bytes(), &Evidence { seals: kept.collect(), ..Evidence::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_trees_of_the_count_hold_when_they_are_published(
        cast in prop::collection::vec((0_u8..90, 1_u32..8), 0..600),
        closes in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        correction in any::<prop::sample::Index>(),
    ) {
        let mut closes: Vec<_> = closes.iter().map(|index| index.index(cast.len() + 1)).collect();
        closes.push(cast.len());
        closes.sort_unstable();
        closes.dedup();
        let verification = verified(&Round::of(&cast, &closes, correction.index(cast.len() + 1)));
        prop_assert!(verification.holds(), "{:?} {:?}", verification.findings, verification.unchecked);
        prop_assert_eq!(verification.earlier_seals.len() + 1, closes.len());
        let count = verification.poll.and_then(|poll| poll.count).expect("the file was read to its end");
        prop_assert_eq!(count.ballots, cast.len() as u64);
    }
}
