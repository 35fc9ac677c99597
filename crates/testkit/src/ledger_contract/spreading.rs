//! Stories about one poll in several partitions: each has a share of the voters and a row of its own.

use std::collections::BTreeMap;

use domain::{
    Entry, Inclusion, Installation, InstallationId, Ledger, LedgerIdentity, LogId, Partition, Partitions, Poll,
    PollChange, PollSpec, Position, Record, Tally, VoteCounts, VoterId,
};

use super::{
    counting::random_log,
    scene::{Script, after, all_ballots, choices, figures, id, poll, poll_with, receipt},
    subject::Subject,
};
use crate::naive_count::naive_count;

/// How many partitions these stories have.
const COUNT: u16 = 3;

/// The partitions of a ledger, each with its leader and its log.
struct Spread {
    partitions: Partitions,
    leaders: Vec<Box<dyn Ledger>>,
    logs: Vec<Script>,
}

impl Spread {
    async fn begin(subject: &Subject) -> Self {
        let partitions = Partitions::new(COUNT).expect("three is a number of them");
        let installation = Installation::new(InstallationId::new("one"), partitions);
        let mut leaders = Vec::new();
        for partition in partitions.all() {
            let mut leader = subject.lead(partition).await;
            leader.install(&LedgerIdentity::new(installation.clone(), "here")).await.expect("writing it");
            leaders.push(leader);
        }
        Self { partitions, leaders, logs: (0..COUNT).map(|_| Script::default()).collect() }
    }

    /// These partitions count that a poll was created or changed.
    async fn poll(&mut self, poll: &Poll, of: &[usize]) {
        for &partition in of {
            self.logs[partition].poll(poll);
            self.count(partition).await;
        }
    }

    /// The voter's partition counts a ballot.
    async fn vote(&mut self, poll: &Poll, voter: VoterId, keys: &str) -> (Partition, Position) {
        let partition = self.partitions.of_voter(voter);
        let position = self.logs[usize::from(partition.number())].vote(poll, voter, keys);
        self.count(usize::from(partition.number())).await;
        (partition, position)
    }

    async fn count(&mut self, partition: usize) {
        self.leaders[partition].apply(self.logs[partition].all()).await.expect("a batch");
    }
}

const ALL: [usize; 3] = [0, 1, 2];

/// Voters sort in the order of their numbers, and belong to the partition *number* mod *partitions*.
fn voter(number: u64) -> VoterId {
    VoterId::from_bytes((u128::from(number) << 64).to_be_bytes())
}

async fn tally(subject: &Subject, poll: &Poll) -> Tally {
    subject.tally(poll).await
}

/// Votes, voters and ballots add up, and it is told how far each partition is.
pub async fn a_poll_in_three_partitions_is_the_sum_of_its_rows(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll("fruit");
    spread.poll(&fruit, &[0]).await;
    assert!(!tally(subject, &fruit).await.is_complete, "two partitions do not know it yet");
    assert_eq!(tally(subject, &fruit).await.partitions, spread.partitions);
    spread.poll(&fruit, &[1, 2]).await;
    for (number, keys) in [(0, "a"), (1, "b"), (2, "b"), (3, "a"), (4, "c"), (4, "a")] {
        spread.vote(&fruit, voter(number), keys).await;
    }

    let sum = tally(subject, &fruit).await;
    assert_eq!(sum.figures, figures([3, 2, 0], 5, 6));
    assert!(sum.is_complete && !sum.is_final());
    let positions: Vec<_> = sum.shares.iter().map(|share| (share.partition, share.position)).collect();
    let expected: Vec<_> = spread.partitions.all().zip(spread.logs.iter().map(Script::position)).collect();
    assert_eq!(positions, expected);
    let rows: Vec<_> = subject.scoreboard.shares(&[fruit.id()]).await.expect("shares");
    let mut of_rows: Vec<_> = rows.into_iter().map(|share| (share.partition.number(), share.figures.ballots)).collect();
    of_rows.sort_unstable();
    assert_eq!(of_rows, [(0, 2), (1, 3), (2, 1)]);
    assert_eq!(subject.scoreboard.partitions().await, Ok(spread.partitions));
    subject.assert_audit(0).await;
}

/// What was cast before the close is counted wherever it is seen.
pub async fn a_close_that_two_of_three_partitions_have_seen_is_not_final(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll("fruit");
    spread.poll(&fruit, &ALL).await;
    spread.vote(&fruit, voter(0), "a").await;
    let closed = after(&fruit, &PollChange::Close);
    spread.poll(&closed, &[0, 1]).await;
    let sum = tally(subject, &fruit).await;
    assert!(!sum.poll.is_open() && !sum.is_final(), "the third may have ballots that are not counted yet");

    spread.vote(&fruit, voter(2), "b").await;
    assert_eq!(tally(subject, &fruit).await.figures, figures([1, 1, 0], 2, 2));
    spread.poll(&closed, &[2]).await;
    let sum = tally(subject, &fruit).await;
    assert!(sum.is_final(), "{sum:?}");
    assert_eq!(sum.figures, figures([1, 1, 0], 2, 2));
}

/// No screen mixes two rounds.
pub async fn a_reset_that_one_partition_sees_first_begins_the_round_for_all(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll("fruit");
    spread.poll(&fruit, &ALL).await;
    for number in 0..6 {
        spread.vote(&fruit, voter(number), "a").await;
    }
    let again = after(&fruit, &PollChange::Reset);
    spread.poll(&again, &[1]).await;
    let (_, second) = spread.vote(&again, voter(1), "b").await;
    let sum = tally(subject, &fruit).await;
    assert_eq!((&sum.figures, sum.round, sum.is_complete), (&figures([0, 1, 0], 1, 7), 2, false));
    let current = all_ballots(&*subject.scoreboard, fruit.id(), 10).await;
    let current: Vec<_> = current.iter().map(|ballot| (ballot.voter, ballot.position, ballot.choices)).collect();
    assert_eq!(current, [(voter(1), second, choices("b"))], "no ballots of two rounds in one export");

    spread.poll(&again, &[0, 2]).await;
    let sum = tally(subject, &fruit).await;
    assert_eq!((&sum.figures, sum.is_complete), (&figures([0, 1, 0], 1, 7), true));
    subject.assert_audit(0).await;
}

/// Votes are shown once all partitions have counted that they may be.
pub async fn votes_stay_hidden_while_one_partition_has_them_hidden(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll_with("fruit", |spec| spec.results = domain::Visibility::Hidden);
    spread.poll(&fruit, &ALL).await;
    let shown = after(&fruit, &PollChange::Reveal);
    spread.poll(&shown, &[0, 2]).await;
    assert!(tally(subject, &fruit).await.poll.is_hidden());
    spread.poll(&shown, &[1]).await;
    assert!(!tally(subject, &fruit).await.poll.is_hidden());
    let hidden = after(&shown, &PollChange::Hide);
    spread.poll(&hidden, &[2]).await;
    assert!(tally(subject, &fruit).await.poll.is_hidden(), "the first that hides them hides them");
}

/// The figures have as many options as the newest wording.
pub async fn a_rewrite_that_one_partition_sees_first_has_its_options(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let mut fruit = poll("fruit");
    spread.poll(&fruit, &ALL).await;
    for options in [vec!["Yes", "No"], vec!["Yes", "No", "Maybe", "Never"]] {
        let rewrite = PollChange::Rewrite(Box::new(PollSpec::simple("Fruit?", options.clone())));
        fruit = fruit.after(&rewrite, 0).expect("a good poll");
        spread.poll(&fruit, &[2]).await;
        assert_eq!(tally(subject, &fruit).await.figures.votes, vec![0; options.len()]);
        spread.poll(&fruit, &[0, 1]).await;
        assert!(tally(subject, &fruit).await.is_complete);
    }
}

/// A receipt is looked up where its voter's ballots are, and only that partition tells how far the count is.
pub async fn receipts_are_looked_up_in_the_voters_partition(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll("fruit");
    spread.poll(&fruit, &ALL).await;
    let (partition, first) = spread.vote(&fruit, voter(4), "a").await;
    assert_eq!(partition, Partition::new(1));
    let ask = async |voter, position| {
        let partition = spread.partitions.of_voter(voter);
        subject.scoreboard.inclusion(partition, fruit.id(), &receipt(voter, position)).await.expect("an answer")
    };
    assert_eq!(ask(voter(4), first).await, Inclusion::Counted);
    // The same position in a partition that has not come to it.
    assert_eq!(ask(voter(5), first).await, Inclusion::NotCountedYet);
    assert_eq!(ask(voter(7), first).await, Inclusion::Missing);
    assert!(subject.scoreboard.counted_at(partition, first).await.expect("an answer").is_some());
    assert_eq!(subject.scoreboard.counted_at(Partition::new(2), first).await, Ok(None));

    spread.vote(&fruit, voter(4), "b").await;
    let replaced = subject.scoreboard.inclusion(partition, fruit.id(), &receipt(voter(4), first)).await;
    assert_eq!(replaced, Ok(Inclusion::Replaced));
}

/// Pages go through the voters of all partitions in one order, each voter once.
pub async fn ballots_of_all_partitions_come_in_one_order(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let fruit = poll("fruit");
    spread.poll(&fruit, &ALL).await;
    // Not evenly: the first partition has most.
    let numbers: Vec<u64> = (0..20).chain((21..90).step_by(3)).collect();
    for (&number, keys) in numbers.iter().rev().zip(["a", "b", "c"].iter().cycle()) {
        spread.vote(&fruit, voter(number), "a").await;
        spread.vote(&fruit, voter(number), keys).await;
    }
    let whole = all_ballots(&*subject.scoreboard, fruit.id(), 1_000).await;
    let voters: Vec<VoterId> = whole.iter().map(|ballot| ballot.voter).collect();
    assert_eq!(voters, numbers.iter().copied().map(voter).collect::<Vec<_>>(), "each voter once, in order");
    for limit in [1, 7, 43] {
        assert_eq!(all_ballots(&*subject.scoreboard, fruit.id(), limit).await, whole, "in pages of {limit}");
    }
    let mut votes = vec![0_u64; 3];
    for option in whole.iter().flat_map(|ballot| ballot.choices.indices()) {
        votes[option] += 1;
    }
    assert_eq!(tally(subject, &fruit).await.figures.votes, votes);
}

/// The public list goes by the newest version that any partition has.
pub async fn a_poll_is_listed_as_its_newest_version_says(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let [fruit, tea] = ["fruit", "tea"].map(poll);
    spread.poll(&fruit, &ALL).await;
    spread.poll(&tea, &ALL).await;
    let listed = after(&fruit, &PollChange::List(true));
    spread.poll(&listed, &[2]).await;
    assert_eq!(subject.scoreboard.listed().await, Ok(vec![id("fruit")]));
    spread.poll(&listed, &[0, 1]).await;
    spread.poll(&after(&tea, &PollChange::List(true)), &ALL).await;
    assert_eq!(subject.scoreboard.listed().await, Ok(vec![id("fruit"), id("tea")]), "each once");
    spread.poll(&after(&listed, &PollChange::Close), &[1]).await;
    assert_eq!(subject.scoreboard.listed().await, Ok(vec![id("tea")]));
}

/// Any log, whose ballots are spread over partitions by their voters, adds up to the naive count of the whole.
pub async fn any_log_spread_over_partitions_equals_the_naive_count(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    let mut random = fastrand::Rng::with_seed(0x0be1_1e5a);
    let log: Vec<Entry> = random_log(&mut random, 2_000).all().into_iter().map(with_spread_voter).collect();
    for Entry { record, .. } in &log {
        match record {
            Ok(Record::Ballot(ballot)) => {
                let partition = spread.partitions.of_voter(ballot.voter);
                spread.logs[usize::from(partition.number())].write(record.clone());
            }
            Ok(Record::Event(event)) => {
                let home = spread.partitions.event_home(event.id());
                spread.logs[usize::from(home.number())].write(record.clone());
            }
            Ok(Record::Poll(_)) => spread.logs.iter_mut().for_each(|log| _ = log.write(record.clone())),
            Err(_) => _ = spread.logs[0].write(record.clone()),
        }
    }
    for partition in ALL {
        let entries = spread.logs[partition].all();
        for batch in entries.chunks(1 + random.usize(..200)) {
            spread.leaders[partition].apply(batch.to_vec()).await.expect("a batch");
        }
    }

    let naive = naive_count(&log);
    for poll in naive.polls.values() {
        let sum = tally(subject, &poll.poll).await;
        assert_eq!((&sum.poll, &sum.figures), (&poll.poll, &poll.figures()), "{}", poll.poll.id());
        let current = all_ballots(&*subject.scoreboard, poll.poll.id(), 50).await;
        let chosen: BTreeMap<_, _> = current.iter().map(|ballot| (ballot.voter, ballot.choices)).collect();
        let expected: BTreeMap<_, _> = poll.current.iter().map(|(&voter, &(_, choices))| (voter, choices)).collect();
        assert_eq!((current.len(), chosen), (expected.len(), expected), "{}", poll.poll.id());
    }
    subject.assert_audit(naive.rejected).await;
    let audit = subject.scoreboard.audit().await.expect("an audit");
    let recounted: Vec<(_, VoteCounts)> = audit.polls().into_iter().map(|it| (it.poll, it.recounted)).collect();
    let expected: Vec<_> = naive.polls.values().map(|poll| (poll.poll.id(), poll.figures())).collect();
    assert_eq!(recounted, expected);
}

/// The stories of one partition number their voters in the last bytes, which decide no partition.
fn with_spread_voter(entry: Entry) -> Entry {
    let Entry { position, record } = entry;
    let record = record.map(|record| match record {
        Record::Ballot(mut ballot) => {
            ballot.voter = VoterId::from_bytes((u128::from_be_bytes(*ballot.voter.as_bytes()) << 64).to_be_bytes());
            Record::Ballot(ballot)
        }
        other @ (Record::Poll(_) | Record::Event(_)) => other,
    });
    Entry { position, record }
}

/// By it a ledger without an installation is known to be one of 0.1.0. An import leaves none.
pub async fn a_partition_is_counted_once_a_log_was_attached(subject: &Subject) {
    let mut spread = Spread::begin(subject).await;
    spread.poll(&poll("fruit"), &ALL).await;
    assert_eq!(spread.leaders[0].counted_partitions().await, Ok(Vec::new()));
    for partition in [2, 0] {
        spread.leaders[partition].attach(&LogId::new("log"), None, &[], &[]).await.expect("attaching");
    }
    assert_eq!(spread.leaders[1].counted_partitions().await, Ok([0, 2].map(Partition::new).to_vec()));
}
