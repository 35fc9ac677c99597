//! Writes a file of published ballots, as large as is asked for, of a poll in which every tenth voter has voted twice.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use attest::{
    BallotContent, END_OF_PUBLICATION, GrowingRoot, NoteKey, PublishedBallot, PublishedHeader, PublishedTree,
    ResultNote, RoundName, Seal, SealedTree, TreeOrigin,
};
use clap::Parser;
use domain::{
    BallotMark, BallotTerms, Blind, Choices, Digest, InstallationId, LeafContent, PollId, Position, Secret, VoterId,
    mark_and_blind,
};
use program::settings::parse;

#[derive(Parser)]
struct Settings {
    /// The file
    #[arg(long)]
    file: PathBuf,
    /// How many ballots
    #[arg(long)]
    ballots: u64,
}

fn main() -> anyhow::Result<()> {
    let settings: Settings = parse();
    let poll = SealedPoll::of(settings.ballots)?;
    let mut file = BufWriter::new(File::create(settings.file)?);
    poll.write(&mut file)?;
    file.flush()?;
    Ok(())
}

/// What is signed of the poll; its ballots are made again when they are written.
struct SealedPoll {
    terms: BallotTerms,
    tree: Digest,
    ballots: u64,
    key: NoteKey,
    seal: Seal,
    result: ResultNote,
}

impl SealedPoll {
    fn of(ballots: u64) -> anyhow::Result<Self> {
        let installation = InstallationId::new("bench");
        let key = NoteKey::new(&Secret::parse(&"x".repeat(32))?, &installation);
        let round = RoundName { installation, poll: PollId::MAIN, round: 1 };
        let terms = BallotTerms {
            question: "Tea?".to_owned(),
            options: ["Yes", "No"].map(str::to_owned).into(),
            max_choices: 1,
            changes: true,
            access: "anyone".to_owned(),
            publish: true,
        };
        let tree = TreeOrigin { round: round.clone(), partition: 0, generation: 0 }.tree(1).digest();
        let (mut root, mut votes, wording) = (GrowingRoot::default(), vec![0; 2], terms.digest());
        for number in 0..ballots {
            let ballot = ballot(&tree, number, ballots);
            if let BallotContent::Counts { choices, .. } = ballot.content {
                choices.indices().for_each(|option| votes[option] += 1);
            }
            let PublishedBallot { mark, replaces, content, .. } = ballot;
            root.push(LeafContent { tree, wording, mark, replaces, choices: content.hidden() }.digest());
        }
        let trees = vec![SealedTree { partition: 0, generation: 0, size: ballots, root: root.root() }];
        let (closed_ms, voters) = (1_790_000_000_000, votes.iter().sum());
        let seal = Seal { round: round.clone(), version: 3, wording, closed_ms, trees, ballots, voters };
        let result = ResultNote { round, seal: seal.digest(), votes };
        Ok(Self { terms, tree, ballots, key, seal, result })
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let header = PublishedHeader {
            round: self.seal.round.clone(),
            key: self.key.verifier().clone(),
            wordings: vec![self.terms.clone()],
            seal: self.key.sign(&self.seal),
            result: self.key.sign(&self.result),
        };
        let tree = PublishedTree { partition: 0, partitions: 1, generation: 0, size: self.ballots };
        writeln!(out, "{header}\n{tree}")?;
        for number in 0..self.ballots {
            writeln!(out, "{}", ballot(&self.tree, number, self.ballots))?;
        }
        writeln!(out, "{END_OF_PUBLICATION}")
    }
}

/// The ballot with this number: each tenth is replaced by the next one.
fn ballot(tree: &Digest, number: u64, ballots: u64) -> PublishedBallot {
    let is_replaced = |number: u64| number.is_multiple_of(10) && number + 1 < ballots;
    let (mark, blind) = names(tree, number);
    let choices = Choices::from_bits(1 << (number % 2)).expect("an option");
    let before = number.checked_sub(1).filter(|before| is_replaced(*before));
    let replaces = before.map_or(BallotMark::NONE, |before| names(tree, before).0);
    let content = if is_replaced(number) {
        BallotContent::Replaced { hidden: blind.hide(choices) }
    } else {
        BallotContent::Counts { choices, blind }
    };
    PublishedBallot { mark, replaces, content, wording: 1 }
}

fn names(tree: &Digest, number: u64) -> (BallotMark, Blind) {
    let voter = *Digest::of(&number.to_be_bytes()).as_bytes().first_chunk().expect("a digest is longer");
    let position = Position::new(1_790_000_000_000 + number, 0).expect("it is a position");
    mark_and_blind(tree, VoterId::from_bytes(voter), position)
}
