//! The sum of shares against a naive sum, for shares in any order and of any versions and rounds.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use proptest::{collection::vec, prelude::*};
use scrutin_domain::{
    Heartbeat, Partition, Partitions, Poll, PollChange, PollId, PollSpec, Position, Tally, TallyShare, VoteCounts,
};

/// What a partition has counted: how many changes of the poll, and figures.
#[derive(Clone, Debug)]
struct Counted {
    partition: u16,
    changes: usize,
    figures: (u64, u64, u64),
    millis: u64,
    age_millis: i64,
}

fn counted() -> impl Strategy<Value = Counted> {
    (0..4_u16, 0..5_usize, (0..9_u64, 0..9_u64, 0..9_u64), 0..50_u64, 0..9_000_i64).prop_map(
        |(partition, changes, figures, millis, age_millis)| Counted { partition, changes, figures, millis, age_millis },
    )
}

fn changes() -> impl Strategy<Value = Vec<PollChange>> {
    let change = prop_oneof![
        Just(PollChange::Open),
        Just(PollChange::Close),
        Just(PollChange::Hide),
        Just(PollChange::Reveal),
        Just(PollChange::Reset),
    ];
    vec(change, 0..5)
}

/// The poll after none, one, two … of these changes.
fn versions(changes: &[PollChange]) -> Vec<Poll> {
    let first = Poll::new(PollId::MAIN, PollSpec::simple("Which?", ["x", "y"])).unwrap();
    let mut versions = vec![first];
    for change in changes {
        versions.push(versions.last().unwrap().after(change, 1).unwrap());
    }
    versions
}

fn share(versions: &[Poll], partitions: Partitions, counted: &Counted) -> TallyShare {
    let poll = versions[counted.changes.min(versions.len() - 1)].clone();
    let (a, b, more) = counted.figures;
    TallyShare {
        partition: Partition::new(counted.partition),
        partitions,
        round: poll.round(),
        poll,
        figures: VoteCounts { votes: vec![a, b], voters: a + b, ballots: a + b + more },
        position: Position::new(1_700_000_000_000 + counted.millis, u64::from(counted.partition)).unwrap(),
        heartbeat: Heartbeat { at_millis: counted.age_millis, age_millis: counted.age_millis, log_millis: None },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn shares_add_up_as_in_the_naive_sum(
        changes in changes(), all in vec(counted(), 1..8), count in 1..5_u16,
    ) {
        let (versions, partitions) = (versions(&changes), Partitions::new(count).unwrap());
        let shares: Vec<TallyShare> = all.iter().map(|counted| share(&versions, partitions, counted)).collect();
        let tallies = Tally::of_shares(shares.clone());
        prop_assert_eq!(tallies.len(), 1);
        let tally = &tallies[0];

        // One share of each partition, which is counted furthest.
        let mut rows: Vec<TallyShare> = Vec::new();
        for partition in (0..4).map(Partition::new) {
            let of_it: Vec<&TallyShare> = shares.iter().filter(|share| share.partition == partition).collect();
            let Some(furthest) = of_it.iter().map(|share| share.position).max() else { continue };
            let at_furthest: Vec<&&TallyShare> = of_it.iter().filter(|share| share.position == furthest).collect();
            // Which of two that are counted equally far does not matter, and can't be told from outside.
            prop_assume!(at_furthest.windows(2).all(|two| two[0] == two[1]));
            rows.push((*at_furthest[0]).clone());
        }
        let (mut version, mut round) = (0, 0);
        for row in &rows {
            version = version.max(row.poll.version());
            round = round.max(row.poll.round());
        }
        let (mut votes, mut voters, mut ballots) = ([0, 0], 0, 0);
        for row in &rows {
            ballots += row.figures.ballots;
            if row.poll.round() == round {
                votes = [votes[0] + row.figures.votes[0], votes[1] + row.figures.votes[1]];
                voters += row.figures.voters;
            }
        }
        prop_assert_eq!(&tally.figures, &VoteCounts { votes: votes.to_vec(), voters, ballots });
        prop_assert_eq!((tally.poll.version(), tally.round), (version, round));

        let newest = versions.iter().rev().find(|poll| poll.version() == version).unwrap();
        prop_assert_eq!(tally.poll.state(), newest.state());
        prop_assert_eq!(tally.poll.is_hidden(), rows.iter().any(|row| row.poll.is_hidden()));
        let all_have_it = rows.len() >= usize::from(count) && rows.iter().all(|row| row.poll.version() == version);
        prop_assert_eq!(tally.is_complete, all_have_it);
        prop_assert_eq!(tally.is_final(), all_have_it && !newest.is_open());

        let progress: Vec<_> = rows.iter().map(|row| (row.partition, row.position, row.heartbeat)).collect();
        let told: Vec<_> = tally.shares.iter().map(|it| (it.partition, it.position, it.heartbeat)).collect();
        prop_assert_eq!(told, progress);
        prop_assert_eq!(tally.position(), rows.iter().map(|row| row.position).min().unwrap());
        let oldest = rows.iter().map(|row| row.heartbeat.age_millis).max().unwrap();
        prop_assert_eq!(tally.heartbeat().age_millis, oldest);
    }
}

fn of_partition(partition: u16, poll: &Poll, round: u32) -> TallyShare {
    TallyShare {
        partition: Partition::new(partition),
        partitions: Partitions::new(2).unwrap(),
        poll: poll.clone(),
        round,
        figures: VoteCounts { votes: vec![2, 1], voters: 3, ballots: 5 },
        position: Position::ZERO,
        heartbeat: Heartbeat::default(),
    }
}

#[test]
fn each_poll_has_its_own_sum_by_id() {
    let poll = |id: &str| Poll::new(PollId::parse(id).unwrap(), PollSpec::simple("Which?", ["x", "y"])).unwrap();
    let (tea, fruit) = (poll("tea"), poll("fruit"));
    let shares = [of_partition(1, &tea, 1), of_partition(0, &fruit, 1), of_partition(0, &tea, 1)];
    let sums: Vec<_> =
        Tally::of_shares(shares).into_iter().map(|tally| (tally.poll.id(), tally.figures.voters)).collect();
    assert_eq!(sums, [(fruit.id(), 3), (tea.id(), 6)]);
    assert_eq!(Tally::of_shares([]), []);
}

#[test]
fn a_row_that_counts_the_round_before_its_polls_adds_no_votes() {
    let polls = versions(&[PollChange::Reset]);
    let tallies = Tally::of_shares([of_partition(0, &polls[1], 1), of_partition(1, &polls[1], 2)]);
    assert_eq!((tallies[0].figures.voters, tallies[0].figures.ballots, tallies[0].round), (3, 10, 2));
    // With no other row it is what is counted.
    let tallies = Tally::of_shares([of_partition(0, &polls[1], 1)]);
    assert_eq!((tallies[0].figures.voters, tallies[0].round), (3, 1));
}
