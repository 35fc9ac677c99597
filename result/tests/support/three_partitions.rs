//! The service on a ledger of three partitions that grows trees, and a log to write on.

use std::{sync::Arc, time::Duration};

use domain::{
    Ballot, Choices, Entry, Installation, InstallationId, Ledger, LedgerIdentity, Ledgers, Partition, Partitions, Poll,
    PollChange, PollSpec, Position, Receipt, Record, Secret, VoterId,
};
use ledger_sqlite::SqliteLedger;
use scrutin_result::{Config, Timing};
use tempfile::TempDir;

use super::{App, config, secret, serve};

/// The id of the poll.
pub(crate) const POLL: &str = "tea";

pub(crate) struct ThreePartitions {
    pub(crate) app: App,
    /// As its home has it.
    pub(crate) poll: Poll,
    /// When it was closed last.
    pub(crate) closed_ms: u64,
    leaders: Vec<Box<dyn Ledger>>,
    /// What each partition has not counted yet.
    waiting: [Vec<Entry>; 3],
    written: u64,
    last: Option<(VoterId, Position)>,
    ledger: Arc<SqliteLedger>,
    _files: TempDir,
}

fn partitions() -> Partitions {
    Partitions::new(3).unwrap()
}

impl ThreePartitions {
    /// With this poll, which all partitions know.
    pub(crate) async fn with(spec: PollSpec) -> Self {
        let files = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&files.path().join("ledger.db")).unwrap();
        let mut leaders = Vec::new();
        for number in 0..3 {
            let mut leader = ledger.lead(Partition::new(number)).await.unwrap().unwrap();
            let installation = Installation::new(InstallationId::new("7b1f"), partitions());
            leader.install(&LedgerIdentity::new(installation, "here")).await.unwrap();
            leaders.push(leader);
        }
        let timing = Timing { look: Duration::from_millis(200), ..Timing::default() };
        let app = serve(Config { timing, ..config() }, ledger.scoreboard()).await;
        let poll = Poll::new(POLL.parse().unwrap(), spec).unwrap();
        let waiting = [(); 3].map(|()| Vec::new());
        let mut place =
            Self { app, poll, closed_ms: 0, leaders, waiting, written: 0, last: None, ledger, _files: files };
        place.tell_all();
        place.count().await;
        place
    }

    /// The service once more, on the same ledger with another key.
    pub(crate) async fn with_key(&self, secret: Secret) -> App {
        serve(Config { secret, ..config() }, self.ledger.scoreboard()).await
    }

    /// Which partition decides the poll's changes.
    pub(crate) fn home(&self) -> u16 {
        partitions().home(self.poll.id()).number()
    }

    /// Accepts a voter's ballot, and returns its receipt.
    pub(crate) fn vote(&mut self, number: u64, keys: &str) -> String {
        let voter = VoterId::from_bytes(
            (u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(number)).to_be_bytes(),
        );
        let choices = Choices::parse(keys.split("").filter(|key| !key.is_empty())).unwrap();
        let ballot = Ballot { poll: self.poll.id(), voter, choices };
        let position = self.write(partitions().of_voter(voter).number(), Record::Ballot(ballot));
        self.last = Some((voter, position));
        Receipt { position, voter }.encode(&secret(), self.poll.id())
    }

    /// The voter and the position of the last ballot.
    pub(crate) fn last_ballot(&self) -> (VoterId, Position) {
        self.last.unwrap()
    }

    /// The home decides a change; no partition counts it yet.
    pub(crate) fn decide(&mut self, change: &PollChange) {
        // What is asked of their number is whether there are any.
        let ballots = u64::from(self.last.is_some());
        self.poll = self.poll.after(change, ballots).unwrap();
    }

    /// A partition counts what it has, and the poll as it is.
    pub(crate) async fn tell(&mut self, partition: u16) {
        self.tell_one(partition);
        self.count().await;
    }

    /// All partitions count what they have, and then the change.
    pub(crate) async fn change(&mut self, change: &PollChange) {
        self.decide(change);
        self.tell_all();
        self.count().await;
    }

    /// All partitions count what they have.
    pub(crate) async fn count(&mut self) {
        for (leader, waiting) in self.leaders.iter_mut().zip(&mut self.waiting) {
            leader.apply(std::mem::take(waiting)).await.unwrap();
        }
    }

    fn tell_all(&mut self) {
        (0..3).for_each(|partition| self.tell_one(partition));
    }

    fn tell_one(&mut self, partition: u16) {
        let position = self.write(partition, Record::Poll(Box::new(self.poll.clone())));
        if partition == self.home() {
            self.closed_ms =
                if self.poll.closed_in() == Some(self.poll.version()) { position.millis() } else { self.closed_ms };
        }
    }

    fn write(&mut self, partition: u16, record: Record) -> Position {
        self.written += 1;
        let position = Position::new(1_790_000_000_000 + self.written, 0).unwrap();
        self.waiting[usize::from(partition)].push(Entry { position, record: Ok(record) });
        position
    }
}
