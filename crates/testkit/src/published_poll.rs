//! Published ballots as an honest server makes them, from a list of ballots; and, by changing what is in it, as a
//! server makes them that lies and signs its lies.

use attest::{
    BallotContent, Checkpoint, END_OF_PUBLICATION, GrowingRoot, InclusionProof, NoteKey, Promise, PublishedBallot,
    PublishedHeader, PublishedTree, ResultNote, RoundName, Seal, SealedTree, TILE_WIDTH, TilePath, TreeOrigin,
};
use domain::{
    BallotMark, BallotTerms, Blind, Choices, Digest, InstallationId, LeafContent, Partitions, PollId, Position, Secret,
    VoterId, mark_and_blind, root, split,
};

/// A poll that was closed and published. Notes, roots and lines follow from what is in it.
#[derive(Clone, Debug)]
pub struct PublishedPoll {
    /// The secret of the installation.
    pub secret: Secret,
    /// Which round of which poll.
    pub round: RoundName,
    /// The words and rules, in the order in which they came into force.
    pub wordings: Vec<BallotTerms>,
    /// The generation of all trees.
    pub generation: u64,
    /// The version of the close.
    pub version: u64,
    /// The ballots of each partition, in the order of the leaves.
    pub trees: Vec<Vec<OpenBallot>>,
    /// The votes that the result says, if not those that were cast.
    pub stated_votes: Option<Vec<u64>>,
}

/// A ballot as the server knows it.
#[derive(Clone, Copy, Debug)]
pub struct OpenBallot {
    /// Whose it is, as [`PublishedPoll::of`] was told.
    pub voter: u64,
    /// Which one it was of all that were cast, from 0.
    pub cast: usize,
    /// Names it.
    pub mark: BallotMark,
    /// The ballot that it replaces.
    pub replaces: BallotMark,
    /// What it chose.
    pub choices: Choices,
    /// What hides that.
    pub blind: Blind,
    /// For which wording it was cast, from 1.
    pub wording: u32,
    /// Whether no later one of its voter replaces it.
    pub counts: bool,
}

impl PublishedPoll {
    /// These ballots of `(voter, option keys)`, in the order in which they were cast, in a poll of three options of
    /// which two may be chosen.
    pub fn of<'a>(partitions: u16, ballots: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        let installation = InstallationId::new("7b1f");
        let poll = PollId::parse("tea").expect("it is an id");
        let terms = BallotTerms {
            question: "Tea?".to_owned(),
            options: ["Yes", "No", "Later"].map(str::to_owned).into(),
            max_choices: 2,
            changes: true,
            access: "anyone".to_owned(),
            publish: true,
        };
        let mut publication = Self {
            secret: Secret::parse(&"x".repeat(32)).expect("it is long enough"),
            round: RoundName { installation, poll, round: 1 },
            wordings: vec![terms],
            generation: 0,
            version: 3,
            trees: vec![Vec::new(); usize::from(partitions)],
            stated_votes: None,
        };
        ballots.into_iter().for_each(|(voter, keys)| publication.cast(voter, keys, 1));
        publication.close();
        publication
    }

    /// Adds a ballot at the end; [`close`](Self::close) puts it in its place.
    pub fn cast(&mut self, voter: u64, keys: &str, wording: u32) {
        let pseudonym = VoterId::from_bytes(Digest::of(&voter.to_be_bytes()).as_bytes()[..16].try_into().expect("16"));
        let partitions = Partitions::new(self.partitions()).expect("there are as many");
        let partition = partitions.of_voter(pseudonym).number();
        let cast: usize = self.trees.iter().map(Vec::len).sum();
        let position = Position::new(1_790_000_000_000 + cast as u64, 0).expect("it is a position");
        let (mark, blind) =
            mark_and_blind(&self.origin(partition).tree(self.partitions()).digest(), pseudonym, position);
        let choices = Choices::parse(keys.split("").filter(|key| !key.is_empty())).expect("they are keys");
        let tree = &mut self.trees[usize::from(partition)];
        let mut replaces = BallotMark::NONE;
        if let Some(last) = tree.iter_mut().find(|ballot| ballot.voter == voter && ballot.counts) {
            (last.counts, replaces) = (false, last.mark);
        }
        tree.push(OpenBallot { voter, cast, mark, replaces, choices, blind, wording, counts: true });
    }

    /// Ends the last block of each tree: each is sorted by its leaves.
    pub fn close(&mut self) {
        for partition in 0..self.partitions() {
            let mut tree = self.trees[usize::from(partition)].clone();
            let width = usize::try_from(TILE_WIDTH).expect("256");
            tree.chunks_mut(width).for_each(|block| block.sort_by_key(|ballot| self.leaf(partition, ballot)));
            self.trees[usize::from(partition)] = tree;
        }
    }

    /// Where the ballot of this voter is that counts: partition and index.
    pub fn place(&self, voter: u64) -> (u16, usize) {
        let of_voter = |ballot: &OpenBallot| ballot.voter == voter && ballot.counts;
        let places = (0..self.partitions()).zip(&self.trees);
        let mut found = places.filter_map(|(partition, tree)| Some((partition, tree.iter().position(of_voter)?)));
        found.next().expect("the voter has a ballot")
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        u16::try_from(self.trees.len()).expect("there are few")
    }

    /// The key that signs.
    pub fn key(&self) -> NoteKey {
        NoteKey::new(&self.secret, &self.round.installation)
    }

    /// The name of a partition's tree.
    pub fn origin(&self, partition: u16) -> TreeOrigin {
        TreeOrigin { round: self.round.clone(), partition, generation: self.generation }
    }

    /// The leaf of a ballot.
    pub fn leaf(&self, partition: u16, ballot: &OpenBallot) -> Digest {
        let OpenBallot { mark, replaces, choices, blind, wording, .. } = *ballot;
        let wording = self.wordings[wording as usize - 1].digest();
        let tree = self.origin(partition).tree(self.partitions()).digest();
        LeafContent { tree, wording, mark, replaces, choices: blind.hide(choices) }.digest()
    }

    /// All leaves of a partition's tree.
    pub fn leaves(&self, partition: u16) -> Vec<Digest> {
        self.trees[usize::from(partition)].iter().map(|ballot| self.leaf(partition, ballot)).collect()
    }

    /// The signed checkpoint of a tree when it had `size` leaves.
    pub fn checkpoint(&self, partition: u16, size: usize) -> String {
        let root = root(&self.leaves(partition)[..size]);
        self.key().sign(&Checkpoint { origin: self.origin(partition), size: size as u64, root })
    }

    /// The signed promise to the voter whose ballot counts.
    pub fn promise(&self, voter: u64) -> String {
        let (partition, index) = self.place(voter);
        self.sign_promise(partition, &self.trees[usize::from(partition)][index])
    }

    /// The signed promise of a ballot by its number of all that were cast, from 0.
    pub fn promise_of_ballot(&self, cast: usize) -> Option<String> {
        let mut places = (0..).zip(&self.trees);
        places.find_map(|(partition, tree)| {
            let ballot = tree.iter().find(|ballot| ballot.cast == cast)?;
            Some(self.sign_promise(partition, ballot))
        })
    }

    fn sign_promise(&self, partition: u16, ballot: &OpenBallot) -> String {
        self.key().sign(&Promise { origin: self.origin(partition), leaf: self.leaf(partition, ballot) })
    }

    /// The proof of the ballot that counts, for the whole tree.
    pub fn proof(&self, voter: u64) -> String {
        let (partition, index) = self.place(voter);
        self.proof_at(partition, index)
    }

    /// The proof of a ballot by its number of all that were cast, from 0.
    pub fn proof_of_ballot(&self, cast: usize) -> Option<String> {
        let mut places = (0..).zip(&self.trees);
        places.find_map(|(partition, tree)| {
            let index = tree.iter().position(|ballot| ballot.cast == cast)?;
            Some(self.proof_at(partition, index))
        })
    }

    fn proof_at(&self, partition: u16, index: usize) -> String {
        let leaves = self.leaves(partition);
        let checkpoint = self.checkpoint(partition, leaves.len());
        let path = path(&leaves, index);
        InclusionProof { leaf: leaves[index], index: index as u64, path, checkpoint }.to_string()
    }

    /// The hashes of a tile.
    pub fn tile(&self, partition: u16, tile: TilePath) -> Vec<Digest> {
        let leaves = self.leaves(partition);
        let below = 1_usize << (8 * tile.level);
        let first = usize::try_from(tile.index * TILE_WIDTH).expect("small") * below;
        let width = usize::try_from(tile.width).expect("256 at most");
        leaves[first..first + width * below].chunks(below).map(root).collect()
    }

    /// What the seal says.
    pub fn seal(&self) -> Seal {
        let sealed = |partition: u16| {
            let mut tree = GrowingRoot::default();
            self.leaves(partition).into_iter().for_each(|leaf| tree.push(leaf));
            SealedTree { partition, generation: self.generation, size: tree.size(), root: tree.root() }
        };
        Seal {
            round: self.round.clone(),
            version: self.version,
            wording: self.wordings.last().expect("there is one").digest(),
            closed_ms: 1_790_000_000_000,
            trees: (0..self.partitions()).map(sealed).collect(),
            ballots: self.trees.iter().map(|tree| tree.len() as u64).sum(),
            voters: self.counting().count() as u64,
        }
    }

    /// The signed seal.
    pub fn signed_seal(&self) -> String {
        self.key().sign(&self.seal())
    }

    /// The signed result.
    pub fn signed_result(&self) -> String {
        let votes = self.stated_votes.clone().unwrap_or_else(|| self.votes());
        self.key().sign(&ResultNote { round: self.round.clone(), seal: self.seal().digest(), votes })
    }

    /// The votes that were cast, by option.
    pub fn votes(&self) -> Vec<u64> {
        let of_option = |option| self.counting().filter(|ballot| ballot.choices.contains(option)).count() as u64;
        (0..self.wordings[0].options.len()).map(of_option).collect()
    }

    /// The first line of the published file.
    pub fn header(&self) -> PublishedHeader {
        PublishedHeader {
            round: self.round.clone(),
            key: self.key().verifier().clone(),
            wordings: self.wordings.clone(),
            seal: self.signed_seal(),
            result: self.signed_result(),
        }
    }

    /// The published file.
    pub fn file(&self) -> String {
        self.file_below(&self.header())
    }

    /// The published file with another header.
    pub fn file_below(&self, header: &PublishedHeader) -> String {
        let (generation, partitions) = (self.generation, self.partitions());
        let mut lines = vec![header.to_string()];
        for (partition, tree) in (0..).zip(&self.trees) {
            lines.push(PublishedTree { partition, partitions, generation, size: tree.len() as u64 }.to_string());
            lines.extend(tree.iter().map(|ballot| ballot.published().to_string()));
        }
        lines.push(END_OF_PUBLICATION.to_owned());
        lines.join("\n") + "\n"
    }

    fn counting(&self) -> impl Iterator<Item = &OpenBallot> {
        self.trees.iter().flatten().filter(|ballot| ballot.counts)
    }
}

impl OpenBallot {
    /// As it is published.
    pub fn published(&self) -> PublishedBallot {
        let Self { mark, replaces, choices, blind, wording, counts, .. } = *self;
        let hidden = blind.hide(choices);
        let content =
            if counts { BallotContent::Counts { choices, blind } } else { BallotContent::Replaced { hidden } };
        PublishedBallot { mark, replaces, content, wording }
    }
}

/// The siblings on the way from a leaf to the root, by the definition of RFC 6962.
fn path(leaves: &[Digest], index: usize) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(usize::try_from(split(leaves.len() as u64)).expect("small"));
    let (mut below, sibling) = match index.checked_sub(left.len()) {
        None => (path(left, index), root(right)),
        Some(index) => (path(right, index), root(left)),
    };
    below.push(sibling);
    below
}
