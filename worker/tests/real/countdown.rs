//! Countdowns: log and ledger say by themselves that a poll is closed, whatever happens at that moment.

use domain::{Countdown, CountdownSeconds, Tally};

use super::*;

impl Installation {
    /// Opens the first poll for so long; returns it.
    async fn open_for(&self, seconds: u32) -> Poll {
        let countdown = Countdown::For(CountdownSeconds::try_from(seconds).unwrap());
        match self.ballot_box.change(PollId::MAIN, PollChange::OpenFor(countdown)).await {
            Ok(ChangeOutcome::Done(poll)) => poll,
            other => panic!("not done: {other:?}"),
        }
    }

    async fn tally(&self) -> Tally {
        let read = || async { self.scoreboard.tallies(&[PollId::MAIN]).await.ok()?.pop() };
        until("the tally can be read", read).await
    }

    /// Waits until every partition has counted that the poll is closed.
    async fn is_counted_as_closed(&self) -> Tally {
        until_true("the close is counted", || async { self.tally().await.is_final() }).await;
        self.tally().await
    }

    /// Waits until the log's clock shows this moment.
    async fn clock_reaches(&self, moment: u64) {
        until_true("the moment", || async {
            let open = self.ballot_box.poll(PollId::MAIN).await;
            open.is_ok() && self.ballot_box.log_millis(PollId::MAIN) >= moment
        })
        .await;
    }
}

#[tokio::test]
async fn a_countdown_ends_in_log_and_ledger_by_itself() {
    for partitions in [1, 3] {
        let database = TestDatabase::create().await;
        let mut at = Installation::new(database.url(), partitions).await;
        let _worker = at.start_worker();
        at.open_everywhere().await;
        let opened = at.open_for(1).await;
        at.vote_many(30, "a").await;
        let closed = at.is_counted_as_closed().await;
        assert_eq!(closed.poll, opened.as_of(opened.closes_at().unwrap()));
        assert_eq!(closed.figures.votes, [30, 0]);
        assert!(at.acknowledged.iter().all(|(_, position)| position.millis() < opened.closes_at().unwrap()));
        assert_eq!(at.vote("b").await, None, "nothing is taken any more");
        at.holds_the_promise().await;

        // Opened again, it counts down again.
        let again = at.open_for(1).await;
        until_true("the second close is counted", || async {
            let tally = at.tally().await;
            tally.is_final() && tally.poll.version() == again.version() + 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_at_the_moment_leaves_the_close_to_the_next() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 3).await;
    let worker = at.start_worker();
    at.open_everywhere().await;
    let opened = at.open_for(2).await;
    at.vote_many(10, "a").await;
    at.shows([10, 0]).await;
    drop(worker);
    at.clock_reaches(opened.closes_at().unwrap()).await;
    assert_eq!(at.vote("b").await, None, "the log decides alone");
    let shown = at.ballot_box.poll(PollId::MAIN).await.unwrap().unwrap();
    assert_eq!(shown, opened.as_of(opened.closes_at().unwrap()));
    assert_eq!(at.tally().await.poll.state(), PollState::Open, "nobody has counted it yet");
    let _worker = at.start_worker();
    assert_eq!(at.is_counted_as_closed().await.poll, shown);
    at.holds_the_promise().await;
}

#[tokio::test]
async fn a_log_that_is_lost_or_restored_keeps_the_end_of_a_countdown() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open_everywhere().await;
    let opened = at.open_for(3).await;
    at.vote_many(10, "a").await;
    at.shows([10, 0]).await;
    until_true("the countdown is counted", || async { at.tally().await.poll.closes_at().is_some() }).await;
    let while_open = at.redis.files();
    at.redis(&["FLUSHALL"]).await;
    at.open().await;
    assert_eq!(at.ballot_box.poll(PollId::MAIN).await.unwrap().unwrap().closes_at(), opened.closes_at());
    let closed = at.is_counted_as_closed().await.poll;

    at.redis.set_back(&while_open, Duration::ZERO).await;
    at.open().await;
    assert_eq!(at.vote("b").await, None);
    assert_eq!(at.ballot_box.poll(PollId::MAIN).await.unwrap().unwrap().state(), PollState::Closed);
    let now = at.is_counted_as_closed().await;
    assert!(now.poll.version() >= closed.version(), "{:?}", now.poll);
    assert_eq!(now.figures.votes, [10, 0]);
}

#[tokio::test]
async fn whoever_shows_the_tally_knows_the_logs_clock_also_where_it_is_wrong() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let files = at.redis.files();
    at.redis.set_back(&files, Duration::from_hours(1)).await;
    let _worker = at.start_worker();
    at.open().await;
    let opened = at.open_for(60).await;
    until_true("the countdown is counted", || async { at.tally().await.poll.closes_at().is_some() }).await;
    until_true("the log's clock is known", || async { at.tally().await.log_millis_when_read().is_some() }).await;
    let tally = at.tally().await;
    let _ = at.ballot_box.poll(PollId::MAIN).await.unwrap();
    let (shown, real) = (tally.log_millis_when_read().unwrap(), at.ballot_box.log_millis(PollId::MAIN));
    assert!(shown.abs_diff(real) < 1_000, "{shown} {real}");
    let left = tally.poll.closes_in_millis(shown).unwrap();
    assert!((50_000..=60_000).contains(&left), "{left} ms of {opened:?}");
}

#[tokio::test]
async fn a_promoted_replica_ends_the_countdown() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let address = testkit::moving_address::MovingAddress::start(at.redis.port()).await;
    at.redis_url = address.redis_url().parse().unwrap();
    at.ballot_box = RedisBallotBox::new(&at.redis_url, at.partitions);
    let _worker = at.start_worker();
    at.open().await;
    let replica = RedisServer::start().await;
    let mut on_replica = replica.connection().await;
    let port = at.redis.port().to_string();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(&port).exec_async(&mut on_replica).await.unwrap();
    let has = async |text: &str| {
        let mut connection = replica.connection().await;
        let mut read = redis::cmd("HGET");
        let read = read.arg("{scrutin:0}:polls").arg("main").query_async::<Option<String>>(&mut connection);
        read.await.unwrap().is_some_and(|poll| poll.contains(text))
    };
    // Its first copy of everything takes seconds.
    until_true("the replica to follow", || async { has("main").await }).await;
    let opened = at.open_for(3).await;
    at.vote_many(10, "a").await;
    at.shows([10, 0]).await;
    until_true("the replica has the countdown", || async { has("closes_at").await }).await;
    redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut on_replica).await.unwrap();
    at.redis.kill();
    address.lead_to(replica.port());
    let closed = at.is_counted_as_closed().await;
    assert_eq!(closed.poll.version(), opened.version() + 1);
    assert_eq!((at.vote("b").await, closed.figures.votes), (None, vec![10, 0]));
}
