//! Stories about which installation a ledger belongs to.

use domain::{
    Fingerprint, Installation, InstallationId, LedgerIdentity, Partition, Partitions, PollChange, PollState,
    RekeyOutcome,
};

use super::{
    scene::{FIRST, Script, after, poll},
    subject::Subject,
};

fn key(text: &str) -> Option<Fingerprint> {
    Fingerprint::stored(text)
}

fn identity(id: &str, key: &str, log_address: &str) -> LedgerIdentity {
    let of = Installation::new(InstallationId::new(id), Partitions::new(3).expect("three is a number of them"));
    let installation = Installation { fingerprint: Fingerprint::stored(key), ..of };
    LedgerIdentity::new(installation, log_address)
}

/// Leaders of several partitions write it; the first one is kept, and missing values are added.
pub async fn an_installation_is_written_once_and_learns_its_key(subject: &Subject) {
    let (mut first, mut second) = (subject.lead(FIRST).await, subject.lead(Partition::new(2)).await);
    assert_eq!(first.identity().await, Ok(None));
    assert_eq!(subject.scoreboard.installation().await, Ok(None));
    first.install(&identity("one", "", "here")).await.expect("writing it");
    second.install(&identity("two", "bb", "there")).await.expect("another one stands already");
    assert_eq!(second.identity().await, Ok(Some(identity("one", "", "here"))));
    assert_eq!(subject.scoreboard.installation().await, Ok(Some(InstallationId::new("one"))));

    second.install(&identity("one", "aa", "there")).await.expect("adding the key");
    assert_eq!(first.identity().await, Ok(Some(identity("one", "aa", "there"))));
    first.install(&identity("one", "bb", "there")).await.expect("the key stands");
    first.install(&identity("one", "", "here")).await.expect("moving the log");
    assert_eq!(first.identity().await, Ok(Some(identity("one", "aa", "here"))));
}

/// A voter who has voted in an open poll could vote again.
pub async fn a_key_is_changed_only_while_all_polls_are_closed(subject: &Subject) {
    let new = key("bb").expect("a key");
    assert_eq!(subject.ledgers.rekey(&new, false).await, Ok(RekeyOutcome::NoInstallation));
    let (mut ledger, mut log) = (subject.lead(FIRST).await, Script::default());
    ledger.install(&identity("one", "aa", "here")).await.expect("writing it");
    let fruit = poll("fruit");
    assert_eq!(fruit.state(), PollState::Open);
    log.poll(&fruit);
    ledger.apply(log.all()).await.expect("a batch");

    assert_eq!(subject.ledgers.rekey(&new, false).await, Ok(RekeyOutcome::PollsOpen));
    assert_eq!(ledger.identity().await, Ok(Some(identity("one", "aa", "here"))));
    log.poll(&after(&fruit, &PollChange::Close));
    ledger.apply(log.all()).await.expect("a batch");
    assert_eq!(subject.ledgers.rekey(&new, false).await, Ok(RekeyOutcome::Done));
    assert_eq!(ledger.identity().await, Ok(Some(identity("one", "bb", "here"))));
}
