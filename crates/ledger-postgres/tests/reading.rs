//! What `result` sees: notifications, missing tables, recounts, and a tally's cost.

mod support;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use domain::{Entry, Movement, PollChange, Scoreboard, Unavailable, UndecodableEntry};
use support::{DEADLINE, FIRST, at, ballot, lead, ledgers, of, poll, poll_entry, scoreboard, terminate};
use testkit::{postgres_server::TestDatabase, wait};
use tokio::time::timeout;

fn of_polls(polls: &[&domain::Poll]) -> Movement {
    Movement::These { polls: polls.iter().map(|poll| poll.id()).collect(), events: Vec::new() }
}

#[tokio::test]
async fn without_tables_the_scoreboard_is_unavailable_and_answers() {
    let database = TestDatabase::create().await;
    let scoreboard = scoreboard(&database);
    let poll = poll("main");
    scoreboard.ready().await.unwrap();
    let unavailable = scoreboard.tallies(&[poll.id()]).await.unwrap_err();
    assert!(matches!(&unavailable, Unavailable::Failed { reason, .. } if reason.contains("42P01")), "{unavailable}");
    assert!(scoreboard.audit().await.is_err());
    assert!(scoreboard.listed().await.is_err());

    let mut writer = lead(&ledgers(&database), FIRST).await;
    writer.apply(vec![poll_entry(1, &poll)]).await.unwrap();
    assert_eq!(scoreboard.tallies(&[poll.id()]).await.unwrap()[0].figures, of([0, 0], 0, 0));
}

#[tokio::test]
async fn a_counted_batch_names_the_polls_that_moved_within_moments() {
    let database = TestDatabase::create().await;
    let (mut writer, scoreboard) = (lead(&ledgers(&database), FIRST).await, scoreboard(&database));
    let (main, lunch) = (poll("main"), poll("lunch"));
    writer.apply(vec![poll_entry(1, &main), poll_entry(2, &lunch)]).await.unwrap();
    until_listening(&scoreboard, &main, &mut writer).await;

    writer.apply(vec![ballot(1_000_000, &lunch, 1, "a"), ballot(1_000_001, &main, 1, "a")]).await.unwrap();
    // Notifications of the batches before may still be on their way; they name main alone.
    let mut moved = of_polls(&[&main]);
    while moved == of_polls(&[&main]) {
        moved = timeout(DEADLINE, scoreboard.moved()).await.expect("a notification arrives");
    }
    assert_eq!(moved, of_polls(&[&lunch, &main]));
}

#[tokio::test]
async fn a_lost_listener_says_any_and_listens_again() {
    let database = TestDatabase::create().await;
    let (mut writer, scoreboard) = (lead(&ledgers(&database), FIRST).await, scoreboard(&database));
    let main = poll("main");
    writer.apply(vec![poll_entry(1, &main)]).await.unwrap();
    until_listening(&scoreboard, &main, &mut writer).await;

    assert!(terminate(&database.client().await, "scrutin-result").await >= 1);
    // Notifications of the batches before may still be on their way.
    let mut moved = of_polls(&[&main]);
    while moved == of_polls(&[&main]) {
        moved = timeout(DEADLINE, scoreboard.moved()).await.expect("the loss is told");
    }
    assert_eq!(moved, Movement::Any);
    until_listening(&scoreboard, &main, &mut writer).await;
}

#[tokio::test]
async fn where_nothing_listens_any_may_have_moved_each_second() {
    // Nobody listens on the discard port.
    let scoreboard =
        scrutin_ledger_postgres::PostgresScoreboard::new(support::url("postgres://nobody@127.0.0.1:9/none"));
    let started = Instant::now();
    for _ in 0..3 {
        assert_eq!(timeout(DEADLINE, scoreboard.moved()).await.expect("it never waits long"), Movement::Any);
    }
    assert!(started.elapsed().as_millis() >= 500, "it is not asked for in a busy loop");
    assert!(scoreboard.ready().await.is_err());
}

/// Counts a poll's changes until a notification names it, which happens only while someone listens.
async fn until_listening(
    scoreboard: &scrutin_ledger_postgres::PostgresScoreboard,
    poll: &domain::Poll,
    writer: &mut Box<dyn domain::Ledger>,
) {
    static PLACE: AtomicU64 = AtomicU64::new(1_000);
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        let place = PLACE.fetch_add(1, Ordering::Relaxed);
        writer.apply(vec![poll_entry(place, poll)]).await.expect("a batch");
        let moved = timeout(Duration::from_secs(1), scoreboard.moved()).await;
        if moved == Ok(of_polls(&[poll])) {
            return;
        }
    }
    panic!("nobody listens");
}

#[tokio::test]
async fn a_recount_finds_a_tally_that_was_tampered_with() {
    let database = TestDatabase::create().await;
    let (mut writer, scoreboard) = (lead(&ledgers(&database), FIRST).await, scoreboard(&database));
    let (poll, client) = (poll("main"), database.client().await);
    let first_round = vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a"), ballot(3, &poll, 2, "a")];
    writer.apply(first_round).await.unwrap();
    let again = poll.after(&PollChange::Reset, 1).unwrap();
    let second_round =
        vec![poll_entry(4, &again), ballot(5, &poll, 2, "b"), ballot(6, &poll, 2, "a"), ballot(7, &poll, 3, "b")];
    writer.apply(second_round).await.unwrap();
    let audit = scoreboard.audit().await.unwrap();
    assert!(audit.recounts[0].agrees());
    assert_eq!(audit.recounts[0].recounted, of([1, 1], 2, 5));

    for tampering in [
        "UPDATE tallies SET votes = votes + 1 WHERE option = 0",
        "UPDATE tallies SET votes = votes - 1 WHERE option = 1",
        "INSERT INTO tallies SELECT number, 5, 1 FROM polls",
        "UPDATE turnout SET voters = voters + 1",
        "UPDATE turnout SET counted = counted - 1",
        "DELETE FROM ballots WHERE choices = 2",
        "UPDATE ballots SET choices = 1 WHERE choices = 2",
    ] {
        client.batch_execute(&format!("BEGIN; {tampering}; COMMIT")).await.unwrap();
        let audit = scoreboard.audit().await.unwrap();
        assert!(!audit.recounts[0].agrees(), "{tampering}: {audit:?}");
        undo(&client).await;
        assert!(scoreboard.audit().await.unwrap().recounts[0].agrees(), "undone: {tampering}");
    }
}

/// Puts the figures and ballots of the recount's test back.
async fn undo(client: &tokio_postgres::Client) {
    let ballots = [(2, 1, 1), (3, 2, 1), (5, 2, 2), (6, 2, 1), (7, 3, 2)];
    let values: Vec<String> = ballots
        .iter()
        .map(|&(place, voter, choices)| {
            format!("({}, (SELECT number FROM polls), {choices}, '{:032x}')", at(place).as_i64(), voter)
        })
        .collect();
    let sql = format!(
        "BEGIN; DELETE FROM ballots; INSERT INTO ballots (position, poll, choices, voter) VALUES {};
         DELETE FROM tallies WHERE option > 1; UPDATE tallies SET votes = 1;
         UPDATE turnout SET voters = 2, counted = 5; COMMIT",
        values.join(", ")
    );
    client.batch_execute(&sql).await.expect("the figures as they were");
}

#[tokio::test]
async fn what_postgresql_can_not_store_is_set_aside_all_the_same() {
    let database = TestDatabase::create().await;
    let mut writer = lead(&ledgers(&database), FIRST).await;
    let entry = format!("nul \0 and {}", "é".repeat(100_000));
    let garbage = UndecodableEntry { reason: "a reason with \0".into(), entry };
    writer.apply(vec![Entry { position: at(1), record: Err(garbage) }]).await.unwrap();
    assert_eq!(writer.state().await.unwrap().position, at(1));
    let kept = "SELECT reason, length(entry) FROM rejected";
    let kept = database.client().await.query_one(kept, &[]).await.unwrap();
    assert_eq!(kept.get::<_, &str>(0), "a reason with \u{fffd}");
    assert!((1..4_001).contains(&kept.get::<_, i32>(1)));
}

#[tokio::test]
async fn more_polls_than_fit_in_a_notification_move_any() {
    let database = TestDatabase::create().await;
    let (mut writer, scoreboard) = (lead(&ledgers(&database), FIRST).await, scoreboard(&database));
    let main = poll("main");
    until_listening(&scoreboard, &main, &mut writer).await;
    let polls: Vec<_> = (0..300).map(|number| poll(&format!("a-poll-with-a-long-name-{number}"))).collect();
    let records = (1_000_000..).zip(&polls).map(|(place, poll)| poll_entry(place, poll)).collect();
    writer.apply(records).await.unwrap();
    assert_eq!(timeout(DEADLINE, scoreboard.moved()).await.expect("it is told"), Movement::Any);
    assert_eq!(scoreboard.tallies(&polls.iter().map(domain::Poll::id).collect::<Vec<_>>()).await.unwrap().len(), 300);
}

/// The plan of the read that costs a batch most is made while the table is small, where reading all of it is
/// cheapest, and is still in use when it is large.
#[tokio::test]
async fn each_voter_is_looked_up_by_key_however_the_table_grew() {
    let database = TestDatabase::create().await;
    let mut writer = lead(&ledgers(&database), FIRST).await;
    let (poll, client) = (poll("main"), database.client().await);
    writer.apply(vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a")]).await.unwrap();
    client.batch_execute("ANALYZE ballots").await.unwrap();

    let mut looked_up = 0;
    for (voters, start) in (0..10).map(|_| 2).chain([500, 500]).zip((1..).map(|batch| batch * 1_000)) {
        let batch = (0..voters).map(|number| ballot(start + number, &poll, u128::from(number), "a")).collect();
        writer.apply(batch).await.unwrap();
        looked_up += i64::try_from(voters).unwrap();
    }
    drop(writer);
    let by_scanning = wait::until("statistics arrive", || async {
        let sql = "SELECT idx_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'ballots'";
        let row = client.query_one(sql, &[]).await.unwrap();
        let (by_key, by_scanning): (i64, i64) = (row.get(0), row.get(1));
        (by_key + by_scanning >= looked_up).then_some(by_scanning)
    })
    .await;
    assert_eq!(by_scanning, 0, "rows read without the key");
}

/// Three partitions count ballots of voters with these numbers each.
async fn spread(database: &TestDatabase, poll: &domain::Poll, voters: u64) {
    let ledgers = ledgers(database);
    for partition in 0..3_u16 {
        let mut writer = lead(&ledgers, domain::Partition::new(partition)).await;
        let ballots =
            (0..voters).map(|number| ballot(2 + number, poll, u128::from(number * 3) + u128::from(partition), "a"));
        writer.apply(std::iter::once(poll_entry(1, poll)).chain(ballots).collect()).await.expect("a batch");
    }
}

#[tokio::test]
async fn a_recount_finds_a_row_that_was_tampered_with_also_where_the_sums_agree() {
    let database = TestDatabase::create().await;
    let (poll, client) = (poll("main"), database.client().await);
    spread(&database, &poll, 4).await;
    let scoreboard = scoreboard(&database);
    assert!(scoreboard.audit().await.unwrap().agrees());
    for (partition, more) in [(2, "+ 1"), (1, "- 1")] {
        let number = format!("(SELECT number FROM polls WHERE partition = {partition})");
        let tampering = format!("UPDATE tallies SET votes = votes {more} WHERE poll = {number}");
        client.batch_execute(&tampering).await.unwrap();
    }
    let audit = scoreboard.audit().await.unwrap();
    let differing: Vec<_> = audit.recounts.iter().filter(|it| !it.agrees()).map(|it| it.partition.number()).collect();
    assert_eq!(differing, [1, 2]);
    let polls = audit.polls();
    assert!(polls[0].kept == polls[0].recounted && !polls[0].agrees(), "{polls:?}");
}

/// The plan is made while the table is small, and is still in use when it is large.
#[tokio::test]
async fn a_page_of_ballots_costs_what_is_on_it_in_each_partition() {
    let database = TestDatabase::create().await;
    let (main, client) = (poll("main"), database.client().await);
    spread(&database, &main, 500).await;
    spread_more(&database, 3_000).await;
    client.batch_execute("ANALYZE").await.unwrap();
    let scoreboard = scoreboard(&database);
    let mut after = None;
    let mut voters = 0;
    loop {
        let page = scoreboard.ballots(main.id(), 1, after, 100).await.unwrap();
        voters += page.len();
        after = page.last().map(|ballot| ballot.voter);
        if page.len() < 100 {
            break;
        }
    }
    assert_eq!(voters, 1_500);
    drop(scoreboard);
    let by_key = wait::until("statistics arrive", || async {
        let sql = "SELECT seq_tup_read, idx_tup_read FROM pg_stat_user_tables JOIN pg_stat_user_indexes USING (relid)
                   WHERE pg_stat_user_tables.relname = 'ballots'";
        let row = client.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 0, "rows read without the key");
        Some(row.get::<_, i64>(1)).filter(|by_key| *by_key >= 1_500)
    })
    .await;
    // 16 pages, for each of which every partition has up to 100 ready, and a little more.
    assert!(by_key < 16 * 310, "{by_key}");
}

/// As many ballots of another poll, which no page of the first may touch.
async fn spread_more(database: &TestDatabase, voters: u64) {
    let other = poll("other");
    let mut writer = lead(&ledgers(database), domain::Partition::new(3)).await;
    let ballots = (0..voters).map(|number| ballot(2 + number, &other, u128::from(number), "b"));
    writer.apply(std::iter::once(poll_entry(1, &other)).chain(ballots).collect()).await.expect("a batch");
}
