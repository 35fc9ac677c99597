use domain::LedgerLayout;

use super::*;

fn installation(id: &str) -> Installation {
    Installation::new(InstallationId::new(id), Partitions::ONE)
}

fn with_key(id: &str, key: &str) -> Installation {
    Installation { fingerprint: Fingerprint::stored(key), ..installation(id) }
}

fn ledger(installation: Installation) -> LedgerIdentity {
    LedgerIdentity::new(installation, "here")
}

fn log(installation: Installation) -> LogIdentity {
    LogIdentity { installation: Some((installation, Partition::new(0))), begun: Some(LogId::new("log")) }
}

fn older_log() -> LogIdentity {
    LogIdentity { installation: None, begun: Some(LogId::new("log")) }
}

/// Nothing anywhere.
fn nothing() -> IdentityFacts {
    IdentityFacts {
        ledger: None,
        counted_from: None,
        log: LogIdentity::default(),
        address: "here".into(),
        addresses: 1,
        partition: Partition::new(0),
        partitions: Partitions::ONE,
    }
}

fn counted() -> IdentityFacts {
    IdentityFacts { counted_from: Some(LogId::new("log")), ..nothing() }
}

fn decided(known: &IdentityFacts) -> IdentityWrites {
    known.decide(|| InstallationId::new("new")).unwrap()
}

fn refused(known: &IdentityFacts) -> String {
    known.decide(|| InstallationId::new("new")).unwrap_err()
}

#[test]
fn the_first_start_makes_an_installation_and_the_second_finds_it() {
    let first = decided(&nothing());
    assert_eq!(
        first,
        IdentityWrites { to_ledger: Some(ledger(installation("new"))), to_log: Some(installation("new")) }
    );
    let second = IdentityFacts { ledger: first.to_ledger, log: log(installation("new")), ..counted() };
    assert_eq!(decided(&second), IdentityWrites::default());
}

#[test]
fn what_an_older_release_stored_is_adopted_where_both_know_one_another() {
    let adopted = decided(&IdentityFacts { log: older_log(), ..counted() });
    assert_eq!(adopted.to_log, Some(installation("new")));
    // An older dump of the ledger is restored after that.
    let restored = decided(&IdentityFacts { log: log(with_key("one", "aa")), ..counted() });
    assert_eq!(restored, IdentityWrites { to_ledger: Some(ledger(with_key("one", "aa"))), to_log: None });
    // Another partition's leader has written the ledger's row.
    let next = decided(&IdentityFacts { ledger: Some(ledger(installation("one"))), log: older_log(), ..counted() });
    assert_eq!(next, IdentityWrites { to_ledger: None, to_log: Some(installation("one")) });
    for ledger in [None, Some(ledger(installation("one")))] {
        let stranger = IdentityFacts { log: older_log(), ledger, ..nothing() };
        assert!(refused(&stranger).contains("another ledger"));
    }
}

#[test]
fn a_log_over_whose_partitions_polls_were_spread_is_refused() {
    let partitions = Partitions::new(4).unwrap();
    let why = refused(&IdentityFacts { log: older_log(), partitions, ..counted() });
    assert!(why.contains("`worker export` of this release"), "{why}");
}

#[test]
fn a_log_or_a_ledger_of_another_installation_is_left_alone() {
    let other = IdentityFacts { ledger: Some(ledger(installation("one"))), log: log(installation("two")), ..counted() };
    let why = refused(&other);
    assert!(why.contains("one") && why.contains("two") && why.contains("worker begin"), "{why}");
    // An empty ledger on somebody's log.
    let why = refused(&IdentityFacts { log: log(installation("two")), ..nothing() });
    assert!(why.contains("two") && why.contains("--adopt"), "{why}");
}

#[test]
fn a_lost_log_is_begun_again_where_it_was_and_nowhere_else() {
    let lost = IdentityFacts { ledger: Some(ledger(with_key("one", "aa"))), ..counted() };
    assert_eq!(decided(&lost), IdentityWrites { to_ledger: None, to_log: Some(with_key("one", "aa")) });
    let elsewhere = IdentityFacts { address: "there".into(), ..lost };
    let why = refused(&elsewhere);
    assert!(why.contains("at here") && why.contains("at there") && why.contains("worker begin"), "{why}");
    // A ledger that has counted no log yet begins its first one anywhere: an import, for one.
    assert!(decided(&IdentityFacts { counted_from: None, ..elsewhere.clone() }).to_log.is_some());
    // A log that was moved with its data is the same.
    let moved = decided(&IdentityFacts { log: log(with_key("one", "aa")), ..elsewhere });
    assert_eq!(moved.to_ledger.unwrap().log_address, "there");
}

#[test]
fn the_first_key_is_carried_from_the_log_to_the_ledger_and_back() {
    let known = |ledger_key, log_key| IdentityFacts {
        ledger: Some(ledger(with_key("one", ledger_key))),
        log: log(with_key("one", log_key)),
        ..counted()
    };
    let carried = IdentityWrites { to_ledger: Some(ledger(with_key("one", "aa"))), to_log: None };
    assert_eq!(decided(&known("", "aa")), carried);
    let carried = IdentityWrites { to_ledger: None, to_log: Some(with_key("one", "aa")) };
    assert_eq!(decided(&known("aa", "")), carried);
    let why = refused(&known("aa", "bb"));
    assert!(why.contains("aa") && why.contains("bb") && why.contains("worker rekey"), "{why}");
}

#[test]
fn another_number_of_partitions_is_refused() {
    let four = Partitions::new(4).unwrap();
    let known = IdentityFacts { ledger: Some(ledger(installation("one"))), log: log(installation("one")), ..counted() };
    let why = refused(&IdentityFacts { partitions: four, ..known.clone() });
    assert!(why.contains("PARTITIONS is 4") && why.contains("PARTITIONS=1"), "{why}");
    let lost = IdentityFacts { partitions: four, log: LogIdentity::default(), ..known.clone() };
    assert!(refused(&lost).contains("PARTITIONS"));
    assert!(refused(&IdentityFacts { partition: Partition::new(1), ..known }).contains("partition 1"));
}

#[test]
fn a_ledger_by_poll_is_refused_unless_it_has_one_partition() {
    let three = Partitions::new(3).unwrap();
    let by_poll = |partitions| {
        let installation = Installation::new(InstallationId::new("one"), partitions);
        let known = LedgerIdentity { layout: LedgerLayout::Polls, ..ledger(installation.clone()) };
        IdentityFacts { ledger: Some(known), log: log(installation), partitions, ..counted() }
    };
    assert_eq!(decided(&by_poll(Partitions::ONE)), IdentityWrites::default(), "it stays as it is");
    let why = refused(&by_poll(three));
    assert!(why.contains("3 partitions") && why.contains("import it into an empty ledger"), "{why}");

    // Before the installation was written down.
    let counted = |numbers: &[u16]| numbers.iter().copied().map(Partition::new).collect::<Vec<_>>();
    assert_eq!(counted_by_poll(&counted(&[]), three), None);
    assert_eq!(counted_by_poll(&counted(&[0]), Partitions::ONE), None);
    let why = counted_by_poll(&counted(&[0]), three).unwrap();
    assert!(why.contains("PARTITIONS=1"), "{why}");
    for partitions in [Partitions::ONE, three] {
        let why = counted_by_poll(&counted(&[0, 2]), partitions).unwrap();
        assert!(why.contains("0.1.0") && why.contains("import"), "{why}");
    }
}
