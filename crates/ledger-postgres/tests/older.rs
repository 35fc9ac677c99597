//! Ledgers of a release that spread polls over partitions, not voters: tests/data/polls-spread.

mod support;

use domain::{
    Fingerprint, Inclusion, LedgerLayout, Partitions, PollChange, PollId, Position, Receipt, Scoreboard, Secret,
    TreeReader,
};
use scrutin_ledger_postgres::SpreadScoreboard;
use support::{FIRST, lead, ledgers, of, poll_entry, scoreboard};
use testkit::{naive_count::naive_count, postgres_server::TestDatabase, programs::SECRET_KEY};

async fn restored(dump: &str) -> TestDatabase {
    let path = format!("{}/../../tests/data/polls-spread/{dump}.sql", env!("CARGO_MANIFEST_DIR"));
    let sql = std::fs::read_to_string(path).expect("the dump");
    let database = TestDatabase::create().await;
    database.client().await.batch_execute(&sql).await.expect("restoring it");
    database
}

fn id(text: &str) -> PollId {
    PollId::parse(text).expect("an id")
}

#[tokio::test]
async fn a_ledger_of_one_partition_is_taken_over_as_it_is() {
    let database = restored("one-partition").await;
    let (mut writer, scoreboard) = (lead(&ledgers(&database), FIRST).await, scoreboard(&database));
    let ids = ["hidden", "listed", "lunch", "main", "reset"].map(id);
    let tallies = scoreboard.tallies(&ids).await.unwrap();
    let read: Vec<_> = tallies.iter().map(|tally| (tally.poll.version(), tally.figures.clone())).collect();
    let expected = [
        (2, of([1, 0], 1, 1)),
        (2, of([0, 0], 0, 0)),
        (2, of([2, 1], 3, 3)),
        (1, of([0, 2], 2, 3)),
        (2, of([0, 1], 1, 2)),
    ];
    assert_eq!(read, expected);
    assert!(tallies.iter().all(|tally| tally.is_complete && tally.partitions == Partitions::ONE));
    assert!(tallies[0].poll.is_hidden() && tallies[2].is_final() && tallies[4].round == 2);
    assert_eq!(scoreboard.listed().await.unwrap(), [id("listed")]);
    assert_eq!(scoreboard.partitions().await, Ok(Partitions::ONE));
    assert!(scoreboard.audit().await.unwrap().agrees());

    let secret = Secret::parse(SECRET_KEY).unwrap();
    for (poll, receipt, expected) in [
        ("main", "GiIvgf2gAAAmhnmnn_BkeFr-McTGNYso0dN10SxwzHQ", Inclusion::Replaced),
        ("main", "GiIvgf3wAADW9bswuKHRJduugCC6-ShKltVVCbSElhY", Inclusion::Counted),
        ("reset", "GiIvgf9AAACTVW4RS5bp89VGdT2ZJrhLtI_42z35PfA", Inclusion::PastRound),
    ] {
        let receipt = Receipt::decode(receipt, &secret, id(poll)).unwrap();
        assert_eq!(scoreboard.inclusion(FIRST, id(poll), &receipt).await, Ok(expected), "{receipt:?}");
        assert!(scoreboard.counted_at(FIRST, receipt.position).await.unwrap().is_some());
    }
    let identity = writer.identity().await.unwrap().expect("its installation");
    assert_eq!((identity.layout, identity.differs_from_release()), (LedgerLayout::Polls, None));
    assert_eq!(identity.installation.fingerprint, Some(Fingerprint::of(&secret)));

    // Each present round gets its tree; that of a closed poll is as it was at the close.
    writer.grow_trees().await.unwrap();
    let mut sizes = Vec::new();
    for id in ids {
        let [tree] = &scoreboard.trees(id).await.unwrap()[..] else { panic!("{id} has one tree") };
        sizes.push((tree.size, tree.closes.len()));
    }
    assert_eq!(sizes, [(0, 0), (0, 0), (3, 1), (0, 0), (0, 0)]);
    let audit = scoreboard.audit().await.unwrap();
    assert!(audit.agrees() && audit.trees.len() == 5, "{audit:?}");

    // And goes on: the row is changed, and there is no second one.
    let closed = tallies[3].poll.after(&PollChange::Close, 3).unwrap();
    let mut entry = poll_entry(0, &closed);
    entry.position = Position::new(writer.state().await.unwrap().position.millis() + 1, 0).unwrap();
    writer.apply(vec![entry]).await.unwrap();
    let main = scoreboard.tallies(&[PollId::MAIN]).await.unwrap().remove(0);
    assert!(main.is_final() && main.figures == of([0, 2], 2, 3) && main.poll.version() == 2);
    let rows = "SELECT count(*), sum(version)::bigint FROM polls";
    let rows = database.client().await.query_one(rows, &[]).await.unwrap();
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1)), (5, 10));
}

#[tokio::test]
async fn a_ledger_of_three_partitions_by_poll_says_what_to_do() {
    let database = restored("three-partitions").await;
    let mut writer = lead(&ledgers(&database), FIRST).await;
    let identity = writer.identity().await.unwrap().expect("its installation");
    let why = identity.differs_from_release().expect("it can't go on");
    assert!(why.contains("3 partitions") && why.contains("import it into an empty ledger"), "{why}");
    // Its polls can be read all the same: each stands in one partition.
    let tallies = scoreboard(&database).tallies(&[id("lunch"), PollId::MAIN]).await.unwrap();
    let read: Vec<_> = tallies.iter().map(|tally| (tally.is_final(), tally.figures.clone())).collect();
    assert_eq!(read, [(true, of([2, 1], 3, 3)), (false, of([0, 2], 2, 3))]);
    // And exported, as one log, though their tables were not brought up to date before.
    let database = restored("three-partitions").await;
    let scoreboard = SpreadScoreboard::new(&database.url().parse().unwrap());
    assert_eq!(scoreboard.is_merged().await, Ok(false), "all polls of this dump were in one of the three");
    database.client().await.batch_execute("UPDATE public.polls SET partition = 1 WHERE id = 'lunch'").await.unwrap();
    assert_eq!(scoreboard.is_merged().await, Ok(true));
    let mut entries = Vec::new();
    let take = |entry| {
        entries.push(entry);
        Ok(())
    };
    let read = scoreboard.entries(take).await.unwrap();
    let counted = naive_count(&entries);
    for recount in read.audit.polls() {
        assert_eq!(counted.polls[&recount.poll].figures(), recount.recounted, "{}", recount.poll);
    }
    assert_eq!((read.moved, counted.polls[&id("lunch")].figures()), (0, of([2, 1], 3, 3)));
}
