//! Stories about the trees by which anyone can check a count.

use domain::{
    Digest, Gap, HeldTree, Installation, InstallationId, LeafContent, Ledger, LedgerIdentity, LogId, Partitions, Poll,
    PollChange, Position, PublishedChoices, TreeBallot, TreeEdge, TreeKey, Wording, root_of_path,
};
use futures_util::TryStreamExt;

use super::{
    scene::{FIRST, Script, after, choices, poll, receipt, voter},
    subject::Subject,
};

impl Subject {
    /// The ledger belongs to an installation from now on.
    pub(super) async fn install(&self, ledger: &mut dyn Ledger, partitions: Partitions) {
        let installation = Installation::new(InstallationId::new("7b1f"), partitions);
        ledger.install(&LedgerIdentity::new(installation, "here")).await.expect("installing");
    }

    async fn trees(&self, poll: &Poll) -> Vec<HeldTree> {
        self.scoreboard.trees(poll.id()).await.expect("reading trees")
    }

    async fn only_tree(&self, poll: &Poll) -> HeldTree {
        let mut trees = self.trees(poll).await;
        assert_eq!(trees.len(), 1, "{trees:?}");
        trees.remove(0)
    }

    async fn edge(&self, tree: &HeldTree) -> TreeEdge {
        self.scoreboard.edge(key(tree)).await.expect("reading an edge").expect("it is there")
    }

    async fn published(&self, tree: &HeldTree) -> Vec<TreeBallot> {
        let blocks = self.scoreboard.published(key(tree)).await.expect("reading ballots");
        blocks.try_collect::<Vec<_>>().await.expect("reading ballots").concat()
    }

    /// Leads the first partition of a ledger that belongs to an installation, and so grows trees.
    pub(super) async fn leading(&self) -> Box<dyn Ledger> {
        let mut ledger = self.lead(FIRST).await;
        self.install(ledger.as_mut(), Partitions::ONE).await;
        ledger
    }
}

fn key(tree: &HeldTree) -> TreeKey {
    let id = &tree.id;
    let partition = domain::Partition::new(id.partition);
    TreeKey { poll: id.poll, round: id.round, partition, generation: id.generation }
}

/// The leaf of a published ballot, as whoever checks it makes it.
fn leaf(tree: &HeldTree, ballot: &TreeBallot) -> Digest {
    let TreeBallot { mark, replaces, choices, wording } = *ballot;
    let choices = match choices {
        PublishedChoices::Open(choices, blind) => blind.hide(choices),
        PublishedChoices::Closed(choices) => choices,
    };
    LeafContent { tree: tree.id.digest(), wording, mark, replaces, choices }.digest()
}

/// So many voters vote; every third votes twice.
fn vote(script: &mut Script, poll: &Poll, voters: u64) {
    for number in 0..voters {
        let option = match number % 3 {
            0 => "a",
            1 => "b",
            _ => "c",
        };
        script.vote(poll, voter(number), option);
        if number % 3 == 0 {
            script.vote(poll, voter(number / 2), "c");
        }
    }
}

/// What is counted before it is known where the ledger belongs is in the trees, too, once it is.
pub async fn trees_grow_once_the_ledger_belongs_to_an_installation(subject: &Subject) {
    let (tea, mut script) = (poll("tea"), Script::default());
    script.poll(&tea);
    vote(&mut script, &tea, 300);
    let closed = after(&tea, &PollChange::Close);
    let at = script.poll(&closed);
    let mut ledger = subject.lead(FIRST).await;
    ledger.apply(script.all()).await.expect("counting");
    assert_eq!(subject.trees(&tea).await, []);

    subject.install(ledger.as_mut(), Partitions::ONE).await;
    ledger.grow_trees().await.expect("building trees");
    let tree = subject.only_tree(&tea).await;
    assert_eq!((tree.id.installation.as_str(), tree.id.round, tree.id.generation), ("7b1f", 1, 0));
    assert_eq!(tree.size, 400);
    let [close] = &tree.closes[..] else { panic!("{tree:?}") };
    assert_eq!((close.version, close.position, close.size, close.voters), (closed.version(), at, 400, 300));
    assert_eq!(close.root, subject.edge(&tree).await.root());
    subject.assert_audit(0).await;

    // It grows on, and is the tree of a ledger that knew it from the beginning.
    let open = after(&closed, &PollChange::Open);
    let before = script.position();
    script.poll(&open);
    vote(&mut script, &tea, 200);
    ledger.apply(script.since(before)).await.expect("counting");
    assert_eq!(subject.only_tree(&tea).await.size, 512);
    subject.assert_audit(0).await;
}

/// A block ends with a full tile or with the record that closes or resets the poll, never with a batch.
pub async fn a_tree_has_whole_blocks_however_the_log_was_cut(subject: &Subject) {
    let (tea, mut script) = (poll("tea"), Script::default());
    let mut ledger = subject.leading().await;
    script.poll(&tea);
    vote(&mut script, &tea, 150);
    for entry in script.all().chunks(7) {
        ledger.apply(entry.to_vec()).await.expect("counting");
        ledger.apply(entry.to_vec()).await.expect("offering it again");
    }
    assert_eq!(subject.only_tree(&tea).await.size, 0);
    let before = script.position();
    let closed = after(&tea, &PollChange::Close);
    script.poll(&closed);
    ledger.apply(script.since(before)).await.expect("counting");
    let at_close = subject.only_tree(&tea).await;
    assert_eq!((at_close.size, at_close.closes.len()), (200, 1));

    // A change that leaves it closed is no other close.
    let before = script.position();
    script.poll(&after(&closed, &PollChange::Hide));
    let open = after(&after(&closed, &PollChange::Hide), &PollChange::Open);
    script.poll(&open);
    vote(&mut script, &tea, 600);
    ledger.apply(script.since(before)).await.expect("counting");
    drop(ledger);
    let mut ledger = subject.lead(FIRST).await;
    let before = script.position();
    script.vote(&tea, voter(9_999), "a");
    ledger.apply(script.since(before)).await.expect("counting after another lead");
    let tree = subject.only_tree(&tea).await;
    assert_eq!((tree.size, tree.closes), (768, at_close.closes));
    subject.assert_audit(0).await;
}

/// Each ballot's way to the root can be had from its receipt once its block is complete, and its leaf before.
pub async fn a_receipt_leads_to_its_leaf_and_its_way_to_the_root(subject: &Subject) {
    let (tea, mut script) = (poll("tea"), Script::default());
    let mut ledger = subject.leading().await;
    script.poll(&tea);
    let receipts: Vec<_> =
        (0..700).map(|number| receipt(voter(number), script.vote(&tea, voter(number), "a"))).collect();
    ledger.apply(script.all()).await.expect("counting");
    let tree = subject.only_tree(&tea).await;
    assert_eq!(tree.size, 512);
    let of = async |index: usize| {
        let held = subject.scoreboard.leaf(FIRST, tea.id(), &receipts[index]).await.expect("looking a leaf up");
        held.expect("it is counted")
    };
    let root = subject.edge(&tree).await.root();
    let mut places = std::collections::BTreeSet::new();
    for index in [0, 1, 100, 255, 256, 257, 400, 511] {
        let held = of(index).await;
        assert_eq!(held.tree, tree.id);
        let place = held.place.expect("its block is complete");
        assert_eq!((place.size, place.root), (512, root));
        assert_eq!(root_of_path(held.leaf, place.index, place.size, &place.path), Some(root), "{index}");
        assert_eq!(place.index / 256, index as u64 / 256, "within its block");
        places.insert(place.index);
    }
    assert_eq!(places.len(), 8);
    for index in [512, 699] {
        assert_eq!(of(index).await.place, None);
    }
    let leaf = of(600).await.leaf;
    let before = script.position();
    script.poll(&after(&tea, &PollChange::Close));
    ledger.apply(script.since(before)).await.expect("counting");
    let held = of(600).await;
    assert_eq!(held.leaf, leaf);
    assert_eq!(held.place.expect("the close ended its block").size, 700);

    let stranger = receipt(voter(3), receipts[4].position);
    assert_eq!(subject.scoreboard.leaf(FIRST, tea.id(), &stranger).await.expect("looking a leaf up"), None);
}

/// What is published of a round makes the root that was noted at its close.
pub async fn published_ballots_make_the_root_of_the_close(subject: &Subject) {
    let (tea, mut script) = (poll("tea"), Script::default());
    let mut ledger = subject.leading().await;
    script.poll(&tea);
    vote(&mut script, &tea, 200);
    let closed = after(&tea, &PollChange::Close);
    script.poll(&closed);
    let options = ["Apple", "Banana", "Cherry"].map(str::to_owned).to_vec();
    let wording = Wording { question: "What of tea?".to_owned(), options, at_millis: 1 };
    let corrected = after(&closed, &PollChange::Correct(Box::new(wording)));
    script.poll(&corrected);
    let open = after(&corrected, &PollChange::Open);
    script.poll(&open);
    vote(&mut script, &tea, 400);
    script.poll(&after(&open, &PollChange::Close));
    for entries in script.all().chunks(100) {
        ledger.apply(entries.to_vec()).await.expect("counting");
    }
    let tree = subject.only_tree(&tea).await;
    let published = subject.published(&tree).await;
    let leaves: Vec<Digest> = published.iter().map(|ballot| leaf(&tree, ballot)).collect();
    assert_eq!(tree.closes.len(), 2);
    for close in &tree.closes {
        let size = usize::try_from(close.size).expect("a few");
        assert_eq!(close.root, domain::root(&leaves[..size]), "at {size}");
    }
    let terms = subject.scoreboard.terms(key(&tree)).await.expect("reading terms");
    let wordings: Vec<Digest> = terms.iter().map(|known| known.terms.digest()).collect();
    assert_eq!(wordings, [tea.terms().digest(), open.terms().digest()]);
    let first = usize::try_from(tree.closes[0].size).expect("a few");
    assert!(published[..first].iter().all(|ballot| ballot.wording == wordings[0]));
    assert!(published[first..].iter().all(|ballot| ballot.wording == wordings[1]));

    let counting = published.iter().filter_map(|ballot| match ballot.choices {
        PublishedChoices::Open(choices, _) => Some(choices),
        PublishedChoices::Closed(_) => None,
    });
    let mut votes = [0; 3];
    counting.for_each(|choices| choices.indices().for_each(|option| votes[option] += 1));
    assert_eq!(votes.to_vec(), subject.figures(&tea).await.votes);
    subject.assert_audit(0).await;
}

/// A reset ends the tree of its round, which stays, and begins another.
pub async fn each_round_has_its_tree(subject: &Subject) {
    let (tea, mut script) = (poll("tea"), Script::default());
    let mut ledger = subject.leading().await;
    script.poll(&tea);
    let first = receipt(voter(1), script.vote(&tea, voter(1), "a"));
    vote(&mut script, &tea, 20);
    let reset = after(&tea, &PollChange::Reset);
    script.poll(&reset);
    let second = receipt(voter(1), script.vote(&tea, voter(1), "b"));
    script.poll(&after(&reset, &PollChange::Close));
    ledger.apply(script.all()).await.expect("counting");
    let trees = subject.trees(&tea).await;
    let sizes: Vec<_> = trees.iter().map(|tree| (tree.id.round, tree.size, tree.closes.len())).collect();
    assert_eq!(sizes, [(1, 28, 0), (2, 1, 1)]);
    for (number, receipt) in [(0, first), (1, second)] {
        let held = subject.scoreboard.leaf(FIRST, tea.id(), &receipt).await.expect("looking a leaf up");
        let held = held.expect("it is counted");
        assert_eq!(held.tree, trees[number].id);
        let place = held.place.expect("its block is complete");
        assert_eq!(place.root, subject.edge(&trees[number]).await.root());
    }
    assert_eq!(subject.published(&trees[0]).await.len(), 28);
    assert_eq!(subject.published(&trees[1]).await.len(), 1);
    subject.assert_audit(0).await;
}

/// What a gap hides may have been in a tree of which others have a checkpoint.
pub async fn a_gap_begins_the_trees_of_open_polls_anew(subject: &Subject) {
    let (open, quiet, mut script) = (poll("open"), poll("quiet"), Script::default());
    let mut ledger = subject.leading().await;
    script.poll(&open);
    script.poll(&quiet);
    vote(&mut script, &open, 300);
    vote(&mut script, &quiet, 30);
    let closed = after(&quiet, &PollChange::Close);
    script.poll(&closed);
    ledger.apply(script.all()).await.expect("counting");
    let (before, sealed) = (subject.only_tree(&open).await, subject.only_tree(&quiet).await);

    let at = script.position();
    let through = Position::new(at.millis() + 60_000, 0).expect("a position");
    let gap = Gap { partition: FIRST, after: at, through, ballots: Some(3) };
    ledger.attach(&LogId::new("other"), Some(gap), &[open.clone(), closed], &[]).await.expect("attaching");
    ledger.grow_trees().await.expect("building trees");
    let trees = subject.trees(&open).await;
    let [old, new] = &trees[..] else { panic!("{trees:?}") };
    assert_eq!(old.id, before.id);
    assert_eq!((new.id.generation, new.size), (through.millis(), before.size));
    assert_ne!(subject.edge(old).await.root(), subject.edge(new).await.root());
    assert_eq!(subject.only_tree(&quiet).await, sealed, "nothing of it was lost");
    subject.assert_audit(0).await;

    // Only the new one grows.
    let ballot = domain::Ballot { poll: open.id(), voter: voter(9_000), choices: choices("a") };
    for sequence in 1..=300 {
        let position = through.checked_add(sequence).expect("a position");
        let ballot = domain::Ballot { voter: voter(9_000 + sequence), ..ballot };
        let entry = domain::Entry { position, record: Ok(domain::Record::Ballot(ballot)) };
        ledger.apply(vec![entry]).await.expect("counting");
    }
    let sizes: Vec<_> = subject.trees(&open).await.iter().map(|tree| tree.size).collect();
    assert_eq!(sizes, [256, 512]);
    subject.assert_audit(0).await;
}
