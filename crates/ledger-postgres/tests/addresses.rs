//! A ledger on several databases: each partition at its address, all of one installation, and no partition twice.

mod support;

use domain::{
    Fingerprint, Installation, InstallationId, LedgerIdentity, Ledgers, Partition, Partitions, RekeyOutcome, Secret,
};
use support::{ballot, lead, ledgers_at, poll, poll_entry};
use testkit::{address, postgres_server::TestDatabase};

fn identity(id: &str) -> LedgerIdentity {
    let installation = Installation::new(InstallationId::new(id), Partitions::new(4).expect("a number of partitions"));
    LedgerIdentity::new(installation, "redis:6379/0")
}

async fn partitions(database: &TestDatabase) -> Vec<i32> {
    let rows = database.client().await.query("SELECT partition FROM log ORDER BY partition", &[]).await;
    rows.expect("the partitions").iter().map(|row| row.get(0)).collect()
}

async fn installation(database: &TestDatabase) -> (String, Option<String>) {
    let row = database.client().await.query_one("SELECT id, fingerprint FROM installation", &[]).await;
    row.map(|row| (row.get(0), row.get(1))).expect("an installation")
}

#[tokio::test]
async fn partitions_are_counted_each_at_its_address() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let ledgers = ledgers_at(&format!("{} {}", one.url(), two.url()));
    for (number, id) in (0..).zip(["lunch", "tea", "walk", "talk"]) {
        let (mut leader, poll) = (lead(&ledgers, Partition::new(number)).await, poll(id));
        leader.apply(vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a")]).await.unwrap();
        assert_eq!(leader.state().await.unwrap().ballots, 1);
    }
    assert_eq!((partitions(&one).await, partitions(&two).await), (vec![0, 2], vec![1, 3]));
}

#[tokio::test]
async fn ledgers_of_several_addresses_are_of_the_firsts_installation() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let ledgers = ledgers_at(&format!("{} {}", one.url(), two.url()));
    // Each worker makes an id of its own when it begins; either may be first.
    let others = [TestDatabase::create().await, TestDatabase::create().await];
    let other_ledgers = ledgers_at(&format!("{} {}", others[0].url(), others[1].url()));
    for (ledgers, order) in [(&ledgers, [1, 0]), (&other_ledgers, [0, 1])] {
        let mut of_each = Vec::new();
        for number in order {
            let mut leader = lead(ledgers, Partition::new(number)).await;
            leader.install(&identity(&format!("made for partition {number}"))).await.unwrap();
            of_each.push(leader.identity().await.unwrap().unwrap().installation.id);
        }
        assert_eq!(of_each[0], of_each[1]);
    }
    assert_eq!(installation(&one).await, installation(&two).await);

    let key = Fingerprint::of(&Secret::parse("a secret of at least thirty-two bytes").unwrap());
    assert_eq!(ledgers.rekey(&key, false).await.unwrap(), RekeyOutcome::Done);
    for database in [&one, &two] {
        assert_eq!(installation(database).await.1.as_deref(), Some(key.as_str()));
    }
}

#[tokio::test]
async fn addresses_in_another_order_or_number_are_refused() {
    let databases = [TestDatabase::create().await, TestDatabase::create().await, TestDatabase::create().await];
    let [one, two, three] = databases.each_ref().map(TestDatabase::url);
    let written = ledgers_at(&format!("{one} {two}"));
    for number in 0..4 {
        drop(lead(&written, Partition::new(number)).await);
    }
    for (addresses, partition, place) in
        [(format!("{two} {one}"), 1, 1), (format!("{two} {one}"), 0, 2), (format!("{one} {two} {three}"), 2, 1)]
    {
        let asked = Partition::new(u16::try_from(place - 1).unwrap());
        let refused = ledgers_at(&addresses).lead(asked).await.err().expect("it is refused").to_string();
        let words = format!("address {place} of DATABASE_URL holds partition {partition},");
        assert!(refused.contains(&words), "{refused}");
    }
    assert!(written.lead(Partition::new(2)).await.unwrap().is_some(), "the right ones still work");
}

#[tokio::test]
async fn a_database_that_is_away_stops_its_own_partitions_alone() {
    let database = TestDatabase::create().await;
    let away = address::free().to_string();
    let ledgers = ledgers_at(&format!("{} postgres://postgres:hunter2@{away}/votes", database.url()));
    drop(lead(&ledgers, Partition::new(0)).await);
    let refused = ledgers.lead(Partition::new(1)).await.err().expect("nobody answers").to_string();
    assert!(refused.contains(&away) && !refused.contains("hunter2"), "{refused}");
    drop(lead(&ledgers, Partition::new(2)).await);
}
