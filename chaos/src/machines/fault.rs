//! The faults of machines, and how they are drawn: from a deck in which each stands once, shuffled by the seed. So a
//! long run has all of them equally often, and what a fault is follows from the seed alone.

use std::{fmt, time::Duration};

/// How many services there are: two `vote`, two `worker`, two `result`, in this order.
pub(crate) const SERVICES: usize = 6;
/// How many of them are `vote`.
pub(crate) const VOTES: usize = 2;

/// What happens to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostFault {
    /// It is lost with its disk, and another one with an empty disk takes its place.
    Lose,
    /// Its program is killed, and started again on the same disk.
    Kill,
    /// Its processes are stopped (SIGSTOP), and go on.
    Stop,
    /// Its cable is pulled, and put back.
    Cut,
    /// Its cable lets only this many kilobits a second through.
    Slow(u64),
}

/// The machine that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The primary of the Redis Cluster that has this partition.
    Primary(u16),
    /// The replica of that primary.
    Replica(u16),
    /// The replica of another primary.
    ReplicaElsewhere(u16),
    /// A service.
    Service(usize),
    /// The primary of PostgreSQL.
    Ledger,
    /// Its standby.
    Standby,
}

/// A fault of one machine, or of several that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MachineFault {
    OfHost(Victim, HostFault),
    /// The primary of a partition is cut off together with a `vote`, which must acknowledge nothing.
    Minority {
        partition: u16,
        vote: usize,
    },
    /// The standby of PostgreSQL gets nothing for a while. Then the primary is lost, and the standby is promoted.
    PromoteBehind {
        held: Duration,
    },
    /// The slot of a partition moves to another primary: the first or the second of the others.
    MoveSlot {
        partition: u16,
        to: usize,
    },
}

/// One fault, or two at once, with the time until the repair begins.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) faults: Vec<MachineFault>,
    pub(crate) lasts: Duration,
}

/// All cards, in an order that follows from the seed.
pub(crate) struct Deck {
    random: fastrand::Rng,
    partitions: u16,
    /// Only cards whose text contains this.
    only: String,
    cards: Vec<Card>,
}

impl Deck {
    /// A deck for so many partitions, with the cards whose text contains `only`.
    pub(crate) fn new(random: fastrand::Rng, partitions: u16, only: &str) -> Self {
        let mut deck = Self { random, partitions, only: only.to_owned(), cards: Vec::new() };
        deck.fill();
        deck
    }

    fn fill(&mut self) {
        self.cards = cards(&mut self.random, self.partitions);
        self.random.shuffle(&mut self.cards);
        self.cards.retain(|card| card.to_string().contains(&self.only));
    }

    /// Whether no card has the text.
    pub(crate) fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// The next card; `None` if no card has the text.
    pub(crate) fn draw(&mut self) -> Option<Card> {
        let card = self.cards.pop();
        if self.cards.is_empty() {
            self.fill();
        }
        card
    }
}

/// Each card once.
fn cards(random: &mut fastrand::Rng, partitions: u16) -> Vec<Card> {
    use HostFault::{Cut, Kill, Lose, Stop};
    use MachineFault::OfHost;
    use Victim::{Ledger, Primary, Replica, ReplicaElsewhere, Service, Standby};
    let mut partition = || random.u16(0..partitions);
    let [one, two, three, four, five, six, seven, eight] = std::array::from_fn(|_| partition());
    let [nine, ten, eleven, twelve, thirteen] = std::array::from_fn(|_| partition());
    let mut service = || Service(random.usize(0..SERVICES));
    let [killed, stopped, cut, slow] = std::array::from_fn(|_| service());
    let [vote, other] = std::array::from_fn(|_| random.usize(0..VOTES));
    let [held, longer] = std::array::from_fn(|_| Duration::from_millis(random.u64(1_000..5_000)));
    let [to, further] = std::array::from_fn(|_| random.usize(0..2));
    let [primary_slow, replica_slow, service_slow, ledger_slow] =
        [100..400, 30..200, 100..1_000, 200..1_000].map(|kilobits| HostFault::Slow(random.u64(kilobits)));
    let faults = [
        vec![OfHost(Primary(one), Lose)],
        vec![OfHost(Primary(two), Kill)],
        vec![OfHost(Primary(three), Stop)],
        vec![OfHost(Primary(four), primary_slow)],
        vec![MachineFault::Minority { partition: five, vote }],
        vec![OfHost(Replica(six), Lose)],
        vec![OfHost(Replica(seven), Cut)],
        vec![OfHost(Replica(eight), Stop)],
        vec![OfHost(Replica(nine), replica_slow)],
        vec![OfHost(killed, Kill)],
        vec![OfHost(stopped, Stop)],
        vec![OfHost(cut, Cut)],
        vec![OfHost(slow, service_slow)],
        vec![OfHost(Ledger, Kill)],
        vec![OfHost(Ledger, Stop)],
        vec![OfHost(Ledger, Cut)],
        vec![OfHost(Ledger, ledger_slow)],
        vec![OfHost(Standby, Lose)],
        vec![MachineFault::PromoteBehind { held }],
        vec![MachineFault::MoveSlot { partition: ten, to }],
        vec![OfHost(Primary(eleven), Lose), OfHost(ReplicaElsewhere(eleven), Lose)],
        vec![MachineFault::PromoteBehind { held: longer }, OfHost(Primary(twelve), Lose)],
        vec![MachineFault::Minority { partition: thirteen, vote: other }, OfHost(Ledger, Kill)],
        vec![MachineFault::MoveSlot { partition: one, to: further }, OfHost(Service(VOTES), Kill)],
        vec![OfHost(Primary(two), Kill), OfHost(Service(VOTES + 1), Cut)],
    ];
    faults.into_iter().map(|faults| Card { faults, lasts: Duration::from_millis(random.u64(200..6_000)) }).collect()
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        write!(f, "{}, for {:.1} s", faults.join(" and "), self.lasts.as_secs_f64())
    }
}

impl fmt::Display for MachineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfHost(victim, fault) => write!(f, "{fault} {victim}"),
            Self::Minority { partition, vote } => {
                write!(f, "cut off the primary of partition {partition} together with vote {}", vote + 1)
            }
            Self::PromoteBehind { held } => {
                write!(f, "hold the standby back for {:.1} s, lose the ledger, promote", held.as_secs_f64())
            }
            Self::MoveSlot { partition, to } => {
                write!(f, "move the slot of partition {partition} to another primary ({})", to + 1)
            }
        }
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lose => f.write_str("lose"),
            Self::Kill => f.write_str("kill"),
            Self::Stop => f.write_str("stop"),
            Self::Cut => f.write_str("cut off"),
            Self::Slow(kilobits) => write!(f, "slow down to {kilobits} kbit/s"),
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary(partition) => write!(f, "the primary of partition {partition}"),
            Self::Replica(partition) => write!(f, "the replica of partition {partition}"),
            Self::ReplicaElsewhere(partition) => write!(f, "a replica that has not partition {partition}"),
            Self::Service(number) => {
                let names = ["vote", "worker", "result"];
                write!(f, "{} {}", names[number / 2], number % 2 + 1)
            }
            Self::Ledger => f.write_str("the ledger"),
            Self::Standby => f.write_str("the standby"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, only: &str, count: usize) -> Vec<String> {
        let mut deck = Deck::new(fastrand::Rng::with_seed(seed), 4, only);
        (0..count).map_while(|_| deck.draw()).map(|card| card.to_string()).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_of_machines() {
        assert_eq!(drawn(1, "", 60), drawn(1, "", 60));
        assert_ne!(drawn(1, "", 60), drawn(2, "", 60));
    }

    #[test]
    fn no_fault_of_machines_comes_again_before_all_others() {
        let all = cards(&mut fastrand::Rng::with_seed(3), 4).len();
        let first = drawn(3, "", all);
        for what in ["lose the primary", "together with vote", "promote", "move the slot", "stop the replica", " and "]
        {
            assert!(first.iter().any(|card| card.contains(what)), "{what}: {first:?}");
        }
        let alone = first.iter().filter(|card| card.starts_with("lose the standby")).count();
        assert_eq!(alone, 1, "{first:?}");
    }

    #[test]
    fn only_some_faults_of_machines_can_be_asked_for() {
        let minorities = drawn(4, "together with vote", 7);
        assert!(minorities.len() == 7 && minorities.iter().all(|card| card.contains("together with vote")));
        assert!(drawn(4, "no such fault", 7).is_empty());
    }
}
