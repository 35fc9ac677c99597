//! One writer for each partition, whatever happens to it, to its connection and to the server.

mod support;

use std::sync::Arc;

use domain::{Gap, Ledger, Ledgers, LogId, Partition, PollChange, Position, Scoreboard, Unavailable};
use futures_util::future::join_all;
use support::{DEADLINE, FIRST, at, ballot, figures, lead, ledgers, of, poll, poll_entry, scoreboard, terminate};
use testkit::{
    postgres_server::{PostgresServer, TestDatabase},
    wait,
};
use tokio_postgres::Client;

/// Waits until no session holds the lock of a partition.
async fn until_unlocked(client: &Client) {
    wait::until("the lock is let go", || async {
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let held: i64 = client.query_one(held, &[]).await.expect("a count").get(0);
        (held == 0).then_some(())
    })
    .await;
}

/// How many migrations this release has: its files.
const MIGRATIONS: usize = 9;

#[tokio::test]
async fn four_leaders_at_once_migrate_once_and_one_leads() {
    let database = TestDatabase::create().await;
    let ledgers: Vec<_> = (0..4).map(|_| ledgers(&database)).collect();
    let leads = join_all(ledgers.iter().map(|ledgers| ledgers.lead(FIRST))).await;
    let leads: Vec<_> = leads.into_iter().map(|lead| lead.expect("all of them find the tables")).collect();
    assert_eq!(leads.iter().flatten().count(), 1);

    let applied = database.client().await.query("SELECT number FROM migrations ORDER BY number", &[]).await.unwrap();
    let applied: Vec<i32> = applied.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, (1..).take(MIGRATIONS).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn a_standby_leads_soon_after_the_leader_is_gone() {
    let database = TestDatabase::create().await;
    let (first, standby) = (ledgers(&database), ledgers(&database));
    let leader = lead(&first, FIRST).await;
    assert!(standby.lead(FIRST).await.unwrap().is_none());
    assert!(standby.lead(FIRST).await.unwrap().is_none(), "also on the connection of the first try");

    drop(leader);
    let mut successor = lead(&standby, FIRST).await;
    successor.state().await.unwrap();
    assert!(first.lead(FIRST).await.unwrap().is_none());
}

#[tokio::test]
async fn a_standby_keeps_one_connection_however_often_it_tries() {
    let database = TestDatabase::create().await;
    let standby = ledgers(&database);
    let _leader = lead(&ledgers(&database), FIRST).await;
    for _ in 0..5 {
        assert!(standby.lead(FIRST).await.unwrap().is_none());
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'scrutin-worker'";
    let sessions: i64 = database.client().await.query_one(sessions, &[]).await.unwrap().get(0);
    assert_eq!(sessions, 2);
}

#[tokio::test]
async fn a_writer_whose_connection_was_ended_writes_nothing_more() {
    let database = TestDatabase::create().await;
    let (ledgers, poll, client) = (ledgers(&database), poll("main"), database.client().await);
    let mut writer = lead(&ledgers, FIRST).await;
    writer.apply(vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a")]).await.unwrap();

    assert_eq!(terminate(&client, "scrutin-worker").await, 1);
    until_unlocked(&client).await;
    let mut successor = lead(&ledgers, FIRST).await;

    let batch = vec![ballot(3, &poll, 2, "b")];
    assert!(writer.apply(batch.clone()).await.is_err());
    let refused = writer.apply(batch.clone()).await.unwrap_err();
    assert!(matches!(&refused, Unavailable::Failed { reason, .. } if reason.contains("failed before")), "{refused}");
    assert_eq!(figures(&database, &poll).await, of([1, 0], 1, 1));

    successor.apply(batch).await.unwrap();
    assert_eq!(figures(&database, &poll).await, of([1, 1], 2, 2));
}

/// As behind a pooler that gives one session's lock to another.
#[tokio::test]
async fn a_writer_that_was_overtaken_unawares_writes_nothing_more() {
    let database = TestDatabase::create().await;
    let (ledgers, poll, client) = (ledgers(&database), poll("main"), database.client().await);
    let mut writer = lead(&ledgers, FIRST).await;
    writer.apply(vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a")]).await.unwrap();
    client.execute("UPDATE log SET position = $1", &[&at(3).as_i64()]).await.unwrap();

    let overtaken = writer.apply(vec![ballot(3, &poll, 2, "b")]).await.unwrap_err();
    assert!(overtaken.to_string().contains("position"), "{overtaken}");
    assert_eq!(figures(&database, &poll).await, of([1, 0], 1, 1));
    until_unlocked(&client).await;
}

#[tokio::test]
async fn two_partitions_are_led_and_counted_side_by_side() {
    let database = TestDatabase::create().await;
    let ledgers = ledgers(&database);
    let (mut one, mut two) = (lead(&ledgers, FIRST).await, lead(&ledgers, Partition::new(1)).await);
    let (main, lunch) = (poll("main"), poll("lunch"));
    let (first, second) = tokio::join!(
        one.apply(vec![poll_entry(1, &main), ballot(2, &main, 1, "a")]),
        two.apply(vec![poll_entry(7, &lunch), ballot(8, &lunch, 1, "b")]),
    );
    assert_eq!((first.unwrap().position, second.unwrap().position), (at(2), at(8)));
    let tallies = scoreboard(&database).tallies(&[main.id(), lunch.id()]).await.unwrap();
    let positions: Vec<_> = tallies.iter().map(|tally| (tally.poll.id(), tally.position())).collect();
    assert_eq!(positions, [(lunch.id(), at(8)), (main.id(), at(2))]);
    assert_eq!(one.state().await.unwrap().ballots, 1);
}

#[tokio::test]
async fn a_batch_offered_again_after_the_server_was_killed_counts_once() {
    let mut server = PostgresServer::private().await;
    let database_url = server.url().to_owned();
    let ledgers = support::ledgers_at(&database_url);
    let poll = poll("main");
    let batches: Vec<_> = std::iter::once(vec![poll_entry(1, &poll)])
        .chain((0..40_u64).map(|batch| {
            let ballots = (0..50_u64).map(|number| 2 + batch * 50 + number);
            ballots
                .map(|place| ballot(place, &poll, u128::from(place % 700), if place % 3 == 0 { "a" } else { "b" }))
                .collect()
        }))
        .collect();

    let mut writer = lead(&ledgers, FIRST).await;
    for (number, batch) in batches.iter().enumerate() {
        if number % 13 == 12 {
            // The power fails in the midst of this batch: whether it was counted is not known.
            let (outcome, ()) = tokio::join!(writer.apply(batch.clone()), server.kill());
            drop(outcome);
            server.restart().await;
            writer = lead(&ledgers, FIRST).await;
        }
        writer.apply(batch.clone()).await.unwrap();
        writer.apply(batch.clone()).await.unwrap();
    }

    let scoreboard = support::scoreboard_at(&database_url);
    let audit = scoreboard.audit().await.unwrap();
    assert!(audit.agrees(), "{audit:?}");
    let figures = &audit.recounts[0].recounted;
    assert_eq!((figures.ballots, figures.voters), (2_000, 700));
}

#[tokio::test]
async fn a_ledger_whose_server_is_down_comes_back_by_itself() {
    let mut server = PostgresServer::private().await;
    let (ledgers, scoreboard) = (support::ledgers_at(server.url()), support::scoreboard_at(server.url()));
    let mut writer = lead(&ledgers, FIRST).await;
    let poll = poll("main");
    writer.apply(vec![poll_entry(1, &poll)]).await.unwrap();
    scoreboard.ready().await.unwrap();

    server.stop().await;
    let asked = tokio::time::timeout(DEADLINE, async {
        assert!(ledgers.lead(FIRST).await.is_err());
        assert!(scoreboard.ready().await.is_err());
        assert!(scoreboard.tallies(&[poll.id()]).await.is_err());
    });
    asked.await.expect("an error is an answer, and comes soon");

    server.restart().await;
    let tallies = wait::until("the scoreboard answers", || async { scoreboard.tallies(&[poll.id()]).await.ok() }).await;
    assert_eq!(tallies.len(), 1);
    lead(&ledgers, FIRST).await.apply(vec![ballot(2, &poll, 1, "a")]).await.unwrap();
}

/// The reset can't be behind the gap, so ballots behind the gap are of the round that is open.
#[tokio::test]
async fn a_poll_taken_in_behind_a_gap_keeps_its_ballots_when_it_closes() {
    let database = TestDatabase::create().await;
    let (mut writer, poll) = (lead(&ledgers(&database), FIRST).await, poll("main"));
    let closed = poll.after(&PollChange::Close, 1).unwrap();
    let gap = Gap { partition: FIRST, after: Position::ZERO, through: at(5), ballots: None };
    writer.attach(&LogId::new("log"), Some(gap), std::slice::from_ref(&closed), &[]).await.unwrap();

    writer.apply(vec![ballot(6, &poll, 1, "a"), poll_entry(7, &closed)]).await.unwrap();
    assert_eq!(figures(&database, &poll).await, of([1, 0], 1, 1));
    let again = poll.after(&PollChange::Reset, 1).unwrap();
    writer.apply(vec![poll_entry(8, &again), ballot(9, &poll, 2, "b")]).await.unwrap();
    assert_eq!(figures(&database, &poll).await, of([0, 1], 1, 2));
}

#[tokio::test]
async fn databases_of_a_server_are_led_apart() {
    let server = PostgresServer::shared().await;
    let (one, two) = (TestDatabase::create_in(Arc::clone(&server)).await, TestDatabase::create_in(server).await);
    let _leader = lead(&ledgers(&one), FIRST).await;
    assert!(ledgers(&two).lead(FIRST).await.unwrap().is_some());
}

#[tokio::test]
async fn how_far_a_real_standby_is_shows_also_while_its_replay_is_paused() {
    let server = Arc::new(PostgresServer::private().await);
    let database = TestDatabase::create_in(Arc::clone(&server)).await;
    let mut leader = lead(&ledgers(&database), FIRST).await;
    assert_eq!(leader.replicated().await.unwrap().standbys, None);

    let standby = server.start_standby().await;
    let lunch = poll("lunch");
    leader.attach(&LogId::new("log"), None, std::slice::from_ref(&lunch), &[]).await.unwrap();
    let caught_up = async |leader: &mut dyn Ledger| {
        let written = leader.replicated().await.unwrap().written;
        let has_all = async || leader.replicated().await.unwrap().standbys.is_some_and(|standbys| standbys >= written);
        wait::until_true("the standby to have what is committed", has_all).await;
    };
    caught_up(leader.as_mut()).await;

    standby.client().await.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let before = leader.replicated().await.unwrap();
    leader.apply(vec![ballot(1, &lunch, 1, "a")]).await.unwrap();
    let after = leader.replicated().await.unwrap();
    assert!(after.written > before.written, "{before:?} {after:?}");
    assert!(after.standbys.unwrap() <= before.written, "it has not replayed the ballot: {before:?} {after:?}");
    standby.client().await.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    caught_up(leader.as_mut()).await;
}

#[tokio::test]
async fn a_heartbeat_tells_readers_what_the_logs_clock_shows() {
    let database = TestDatabase::create().await;
    let ledgers = ledgers(&database);
    let mut leader = ledgers.lead(FIRST).await.unwrap().unwrap();
    leader.apply(vec![poll_entry(1, &poll("main"))]).await.unwrap();
    let scoreboard = scoreboard(&database);
    let known = async || scoreboard.tallies(&[poll("main").id()]).await.unwrap()[0].log_millis_when_read();
    assert_eq!(known().await, None, "no heartbeat of this release was noted");
    leader.heartbeat(1_795_424_400_000).await.unwrap();
    let clock = known().await.unwrap();
    let expected = 1_795_424_400_000..1_795_424_410_000;
    assert!(expected.contains(&clock), "as noted, and the time since: {clock}");
    // As a leader of an earlier release does, which knows only of the heartbeat.
    let beat = "UPDATE log SET heartbeat = clock_timestamp() - interval '1 hour'";
    database.client().await.batch_execute(beat).await.unwrap();
    let clock = known().await.unwrap();
    assert!(expected.contains(&clock), "{clock}");
}
