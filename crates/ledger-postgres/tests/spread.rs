//! One poll in the ledgers of two addresses, on servers of their own: sums, and what is left while one is away.

mod support;

use domain::{
    Ballot, Choices, Entry, Event, EventId, EventSpec, Inclusion, Installation, InstallationId, Ledger, LedgerIdentity,
    Movement, Partition, Partitions, Poll, PollChange, Receipt, Record, Scoreboard, Tally, VoterId,
};
use scrutin_ledger_postgres::{DatabaseAddresses, SpreadScoreboard};
use support::{DEADLINE, at, lead, ledgers_at, of, poll, poll_entry};
use testkit::{postgres_server::PostgresServer, wait};
use tokio::time::timeout;

const COUNT: u16 = 4;

struct Spread {
    servers: [PostgresServer; 2],
    leaders: Vec<Box<dyn Ledger>>,
    scoreboard: SpreadScoreboard,
}

/// Numbers mod 4 are their voters' partitions, and numbers mod 2 the places of their ledgers.
fn voter(number: u64) -> VoterId {
    VoterId::from_bytes((u128::from(number) << 64).to_be_bytes())
}

fn vote(place: u64, poll: &Poll, number: u64, key: &str) -> Entry {
    let choices = Choices::parse([key]).expect("a choice");
    Entry { position: at(place), record: Ok(Record::Ballot(Ballot { poll: poll.id(), voter: voter(number), choices })) }
}

impl Spread {
    async fn begin(poll: &Poll) -> Self {
        let servers = [PostgresServer::private().await, PostgresServer::private().await];
        let addresses = format!("{} {}", servers[0].url(), servers[1].url());
        let partitions = Partitions::new(COUNT).expect("a number of partitions");
        let ledgers = ledgers_at(&addresses);
        let installation = Installation::new(InstallationId::new("one"), partitions);
        let mut leaders = Vec::new();
        for partition in partitions.all() {
            let mut leader = lead(&ledgers, partition).await;
            leader.install(&LedgerIdentity::new(installation.clone(), "redis:6379/0")).await.expect("installing");
            leader.apply(vec![poll_entry(1, poll)]).await.expect("the poll");
            leaders.push(leader);
        }
        let addresses: DatabaseAddresses = addresses.parse().expect("two addresses");
        Self { servers, leaders, scoreboard: SpreadScoreboard::new(&addresses) }
    }

    async fn apply(&mut self, partition: usize, entries: Vec<Entry>) {
        self.leaders[partition].apply(entries).await.expect("a batch");
    }

    async fn tally(&self, poll: &Poll) -> Tally {
        self.scoreboard.tallies(&[poll.id()]).await.expect("a tally").remove(0)
    }
}

#[tokio::test]
async fn two_ledgers_are_read_as_one() {
    let main = poll("main");
    let mut spread = Spread::begin(&main).await;
    for (number, key) in [(0, "a"), (1, "b"), (2, "b"), (3, "b"), (5, "a"), (6, "a")] {
        spread.apply(usize::try_from(number % 4).unwrap(), vec![vote(10 + number, &main, number, key)]).await;
    }
    let tally = spread.tally(&main).await;
    assert_eq!(tally.figures, of([3, 3], 6, 6));
    assert!(tally.is_complete && tally.partitions.count() == COUNT && tally.shares.len() == 4);
    let scoreboard = &spread.scoreboard;
    assert_eq!(scoreboard.partitions().await.unwrap().count(), COUNT);

    let receipt = |number, place| Receipt { voter: voter(number), position: at(place) };
    for (partition, number, place, expected) in [
        (1, 5, 15, Inclusion::Counted),
        (2, 2, 12, Inclusion::Counted),
        (1, 5, 16, Inclusion::NotCountedYet),
        (2, 2, 13, Inclusion::Missing),
    ] {
        let partition = Partition::new(partition);
        let inclusion = scoreboard.inclusion(partition, main.id(), &receipt(number, place)).await;
        assert_eq!(inclusion, Ok(expected), "{number} at {place}");
    }
    assert!(scoreboard.counted_at(Partition::new(1), at(15)).await.unwrap().is_some());
    assert_eq!(scoreboard.counted_at(Partition::new(3), at(15)).await, Ok(None));

    for limit in [1, 2, 100] {
        let (mut voters, mut after) = (Vec::new(), None);
        loop {
            let page = scoreboard.ballots(main.id(), 1, after, limit).await.unwrap();
            voters.extend(page.iter().map(|ballot| ballot.voter));
            after = voters.last().copied();
            if page.len() < limit as usize {
                break;
            }
        }
        assert_eq!(voters, [0, 1, 2, 3, 5, 6].map(voter), "in pages of {limit}");
    }
    let audit = scoreboard.audit().await.unwrap();
    let rows: Vec<u16> = audit.recounts.iter().map(|recount| recount.partition.number()).collect();
    assert!(audit.agrees() && rows == [0, 1, 2, 3], "{audit:?}");
    assert_eq!(audit.polls()[0].recounted, of([3, 3], 6, 6));

    let listed = main.after(&PollChange::List(true), 1).unwrap();
    spread.apply(3, vec![poll_entry(20, &listed)]).await;
    assert_eq!(spread.scoreboard.listed().await.unwrap(), [main.id()]);
    for partition in [0, 1, 2] {
        spread.apply(partition, vec![poll_entry(20, &listed)]).await;
    }
    assert_eq!(spread.scoreboard.listed().await.unwrap(), [main.id()], "once");
}

#[tokio::test]
async fn a_ledger_that_is_away_keeps_its_last_shares_and_comes_back() {
    let (main, other) = (poll("main"), poll("other"));
    let mut spread = Spread::begin(&main).await;
    for partition in 0..4 {
        spread.apply(partition, vec![poll_entry(2, &other)]).await;
    }
    spread.apply(0, vec![vote(10, &main, 0, "a")]).await;
    spread.apply(1, vec![vote(10, &main, 1, "b")]).await;
    assert_eq!(spread.tally(&main).await.figures, of([1, 1], 2, 2));

    spread.servers[1].stop().await;
    spread.apply(0, vec![vote(11, &main, 4, "a")]).await;
    let tally = timeout(DEADLINE, spread.tally(&main)).await.expect("nobody waits for what is away");
    assert_eq!(tally.figures, of([2, 1], 3, 3), "its last share, and what the other has counted");
    wait::until_true("its heartbeats to age", || async {
        let ages: Vec<_> = spread.tally(&main).await.shares.iter().map(|share| share.heartbeat.age_millis).collect();
        ages[1] > 1_000 && ages[3] > 1_000
    })
    .await;
    assert!(spread.scoreboard.ready().await.is_ok(), "there is something to show");
    // A poll that was not read before is not complete, so it is never final.
    let unread = spread.tally(&other).await;
    assert_eq!((unread.shares.len(), unread.is_complete), (2, false));
    assert!(spread.scoreboard.ballots(main.id(), 1, None, 10).await.is_err(), "half of an export is none");
    assert!(spread.scoreboard.audit().await.is_err());
    let of_one_away = Receipt { voter: voter(1), position: at(10) };
    assert!(spread.scoreboard.inclusion(Partition::new(1), main.id(), &of_one_away).await.is_err());
    let of_the_other = Receipt { voter: voter(4), position: at(11) };
    let inclusion = spread.scoreboard.inclusion(Partition::new(0), main.id(), &of_the_other).await;
    assert_eq!(inclusion, Ok(Inclusion::Counted));

    spread.servers[1].restart().await;
    let addresses = format!("{} {}", spread.servers[0].url(), spread.servers[1].url());
    let mut successor = lead(&ledgers_at(&addresses), Partition::new(1)).await;
    successor.apply(vec![vote(12, &main, 5, "b")]).await.unwrap();
    wait::until_true("what it counts now", || async { spread.tally(&main).await.figures == of([2, 2], 4, 4) }).await;

    spread.servers[0].stop().await;
    spread.servers[1].stop().await;
    wait::until_true("both to be away", || async { spread.scoreboard.tallies(&[main.id()]).await.is_err() }).await;
    assert!(spread.scoreboard.ready().await.is_err());
}

#[tokio::test]
async fn what_moves_in_either_ledger_is_heard() {
    let main = poll("main");
    let mut spread = Spread::begin(&main).await;
    for partition in 0..4 {
        let mut place = 100;
        // It can be named only once the ledger's notifications are listened to.
        wait::until_true("the poll is named", async || {
            place += 1;
            let changed = vec![vote(place, &main, u64::try_from(partition).unwrap(), "a")];
            spread.leaders[partition].apply(changed).await.expect("a batch");
            let moved = timeout(std::time::Duration::from_secs(1), spread.scoreboard.moved()).await;
            moved == Ok(Movement::These { polls: vec![main.id()], events: Vec::new() })
        })
        .await;
    }
}

#[tokio::test]
async fn events_of_all_ledgers_are_found_and_one_that_may_be_away_is_not_denied() {
    let main = poll("main");
    let mut spread = Spread::begin(&main).await;
    let event = |name: &str| {
        let spec = EventSpec { title: name.into(), polls: vec![main.id()] };
        Event::new(EventId::parse(name).unwrap(), spec).unwrap()
    };
    let write = |event: &Event| Entry { position: at(10), record: Ok(Record::Event(Box::new(event.clone()))) };
    let (evening, morning) = (event("evening"), event("morning"));
    spread.apply(2, vec![write(&evening)]).await;
    spread.apply(3, vec![write(&morning)]).await;
    assert_eq!(spread.scoreboard.events().await, Ok(vec![evening.clone(), morning.clone()]));
    assert_eq!(spread.scoreboard.event(morning.id()).await, Ok(Some(morning.clone())));
    assert_eq!(spread.scoreboard.event(event("night").id()).await, Ok(None));
    let mut exported = Vec::new();
    let take = |entry: Entry| {
        exported.extend(entry.record.ok().filter(|record| matches!(record, Record::Event(_))));
        Ok(())
    };
    spread.scoreboard.entries(take).await.unwrap();
    assert_eq!(exported, [&evening, &morning].map(|event| Record::Event(Box::new(event.clone()))));

    spread.servers[1].stop().await;
    assert_eq!(spread.scoreboard.event(evening.id()).await, Ok(Some(evening.clone())));
    assert!(spread.scoreboard.event(morning.id()).await.is_err(), "it may be in the one that is away");
    assert_eq!(spread.scoreboard.events().await, Ok(vec![evening]));
}
