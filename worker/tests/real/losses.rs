//! A log that lost something: whatever was acknowledged is counted, or the ledger tells of a gap where it was.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Audit, Gap, PollState};
use testkit::{moving_address::MovingAddress, redis_server::RedisFiles};

use super::*;

/// How many people vote at the same time.
const AT_ONCE: u64 = 32;
/// Who waits to vote again. Not a wait for a condition: a person's patience.
const PATIENCE: Duration = Duration::from_millis(5);

/// People who vote all the time, once each, whatever happens.
struct Load {
    voters: JoinSet<Vec<Cast1>>,
    stop: CancellationToken,
    acknowledged: Arc<AtomicU64>,
    /// Which part of a story it is.
    part: Arc<AtomicU64>,
}

/// One acknowledged ballot, and in which part of the story it was cast.
struct Cast1 {
    receipt: Receipt,
    part: u64,
}

impl Load {
    fn on(at: &Installation) -> Self {
        let (stop, mut voters) = (CancellationToken::new(), JoinSet::new());
        let (acknowledged, part): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
        for first in 0..AT_ONCE {
            let (ballots, stop) = (at.ballot_box.clone(), stop.clone());
            let (count, part) = (acknowledged.clone(), part.clone());
            voters.spawn(async move {
                let mut acknowledged = Vec::new();
                for number in (first..).step_by(usize::try_from(AT_ONCE).unwrap()) {
                    if stop.is_cancelled() {
                        break;
                    }
                    let voter = VoterId::from_bytes(u128::from(number + 1_000_000).to_be_bytes());
                    let ballot = Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() };
                    let begun_in = part.load(Ordering::SeqCst);
                    match ballots.cast(ballot, FIRST_REVISION).await {
                        Ok(CastOutcome::Recorded(position)) => {
                            acknowledged.push(Cast1 { receipt: Receipt { position, voter }, part: begun_in });
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => tokio::time::sleep(PATIENCE).await,
                    }
                }
                acknowledged
            });
        }
        Self { voters, stop, acknowledged, part }
    }

    /// Waits until so many more were acknowledged.
    async fn goes_on(&self, more: u64) {
        let from = self.acknowledged.load(Ordering::SeqCst);
        until_true("more is acknowledged", || async { self.acknowledged.load(Ordering::SeqCst) >= from + more }).await;
    }

    fn next_part(&self) {
        self.part.fetch_add(1, Ordering::SeqCst);
    }

    async fn stop(self) -> Vec<Cast1> {
        self.stop.cancel();
        self.voters.join_all().await.into_iter().flatten().collect()
    }
}

impl Installation {
    async fn audit(&self) -> Audit {
        let audit = self.scoreboard.audit().await.unwrap();
        assert!(audit.agrees(), "{audit:?}");
        audit
    }

    /// Every acknowledged ballot is counted or stands in a gap, and those of the last part are counted, all of them.
    async fn counts_or_tells(&self, acknowledged: &[Cast1]) {
        let last_part = acknowledged.iter().map(|cast| cast.part).max().unwrap();
        let mut lost = Vec::new();
        for cast in acknowledged {
            let inclusion = until("the count to come there", || async {
                let partition = self.partitions.of_voter(cast.receipt.voter);
                let inclusion = self.scoreboard.inclusion(partition, PollId::MAIN, &cast.receipt).await.unwrap();
                (inclusion != Inclusion::NotCountedYet).then_some(inclusion)
            });
            if inclusion.await != Inclusion::Counted {
                assert!(cast.part < last_part, "{:?} was acknowledged after the loss", cast.receipt.position);
                lost.push(cast.receipt.position);
            }
        }
        let gaps = self.audit().await.gaps;
        for position in lost {
            let told = gaps.iter().any(|gap| gap.after < position && position <= gap.through);
            assert!(told, "{position} is lost, and no gap tells of it: {gaps:?}");
        }
        until_true("what is accepted is counted", || async {
            let counted = self.figures().await.unwrap().ballots;
            self.ballot_box.accepted(PollId::MAIN).await == Ok(counted)
        })
        .await;
    }

    /// Waits until what was accepted by now is counted.
    async fn count_comes_here(&self) {
        let accepted = until("the log to say", || async { self.ballot_box.accepted(PollId::MAIN).await.ok() }).await;
        until_true("it is counted", || async {
            self.figures().await.is_some_and(|figures| figures.ballots >= accepted)
        })
        .await;
    }

    /// Waits until everything that was accepted is counted, and returns the files of Redis as they are then.
    async fn files_when_all_is_counted(&self) -> RedisFiles {
        until_true("all is counted", || async {
            let counted = self.figures().await.map(|figures| figures.ballots);
            counted.is_some() && self.ballot_box.accepted(PollId::MAIN).await.ok() == counted
        })
        .await;
        self.redis.files()
    }
}

async fn set_back_with_a_clock_behind(behind: Duration) {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    let load = Load::on(&at);
    load.goes_on(500).await;
    let files = at.redis.files();
    at.count_comes_here().await;
    load.goes_on(500).await;
    at.redis.set_back(&files, behind).await;
    load.next_part();
    load.goes_on(500).await;
    let acknowledged = load.stop().await;
    at.counts_or_tells(&acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_set_back_with_a_clock_30_s_behind_loses_nothing_untold() {
    set_back_with_a_clock_behind(Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_set_back_with_a_clock_3_s_behind_loses_nothing_untold() {
    set_back_with_a_clock_behind(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_set_back_while_no_worker_runs_loses_nothing_untold() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let worker = at.start_worker();
    at.open().await;
    at.vote_many(100, "a").await;
    let files = at.files_when_all_is_counted().await;
    at.vote_many(100, "b").await;
    at.shows([100, 100]).await;
    drop(worker);
    at.redis.set_back(&files, Duration::from_secs(30)).await;
    assert_eq!(at.vote("a").await, None, "no worker has attached");
    let _worker = at.start_worker();
    at.open().await;
    at.vote_many(100, "a").await;
    at.shows([200, 100]).await;
    at.holds_the_promise().await;
    assert_eq!(at.ballot_box.accepted(PollId::MAIN).await, Ok(300));
    assert_eq!(at.audit().await.gaps.len(), 1, "nobody knows whether more was acknowledged, which is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_that_lacks_the_last_moment_loses_nothing_untold() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let address = MovingAddress::start(at.redis.port()).await;
    at.redis_url = address.redis_url().parse().unwrap();
    at.ballot_box = RedisBallotBox::new(&at.redis_url, at.partitions);
    let _worker = at.start_worker();
    at.open().await;
    let replica = RedisServer::start().await;
    let mut on_replica = replica.connection().await;
    let replica_of = async |connection: &mut redis::aio::MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(connection).await.unwrap();
    };
    replica_of(&mut on_replica, "127.0.0.1", &at.redis.port().to_string()).await;
    let load = Load::on(&at);
    load.goes_on(500).await;
    until_true("the replica has most of it", || async {
        let mut connection = replica.connection().await;
        redis::cmd("XLEN").arg("{scrutin:0}:log").query_async::<u64>(&mut connection).await.unwrap() > 0
    })
    .await;
    // From here on it gets nothing more.
    replica_of(&mut on_replica, "NO", "ONE").await;
    load.goes_on(500).await;
    address.lead_to(replica.port());
    load.next_part();
    load.goes_on(500).await;
    let acknowledged = load.stop().await;
    at.counts_or_tells(&acknowledged).await;
}

/// A log with 128 ballots that are counted and 1,024 that are not, while no worker runs.
async fn with_waiting_ballots() -> (TestDatabase, Installation) {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let worker = at.start_worker();
    at.open().await;
    at.vote_many(128, "a").await;
    at.shows([128, 0]).await;
    drop(worker);
    at.vote_many(1_024, "b").await;
    (database, at)
}

/// A worker notes where the waiting ballots were, and counts the 16 that come then.
async fn waiting_ballots_are_missed(at: &mut Installation) -> (Worker, Gap) {
    let worker = at.start_worker();
    let gap = until("the gap is noted", || async { at.audit().await.gaps.first().copied() }).await;
    at.open().await;
    at.vote_many(16, "a").await;
    at.shows([144, 0]).await;
    for (_, position) in &at.acknowledged[128..1_152] {
        assert!(gap.after < *position && *position <= gap.through, "{position} {gap:?}");
    }
    (worker, gap)
}

/// What is missing may have been in the tree of which others have a checkpoint.
async fn the_tree_begins_anew(at: &Installation, gap: Gap) {
    until_true("the tree is begun anew", || async {
        let trees = at.scoreboard.trees(PollId::MAIN).await.unwrap();
        trees.last().is_some_and(|tree| tree.id.generation >= gap.through.millis() && trees.len() > 1)
    })
    .await;
}

/// What somebody did to the log by hand while ballots waited in it.
async fn waiting_ballots_are_missed_after(harm: &[&str]) {
    let (_database, mut at) = with_waiting_ballots().await;
    at.redis(harm).await;
    let (_worker, gap) = waiting_ballots_are_missed(&mut at).await;
    assert_eq!(gap.ballots, Some(1_024), "{harm:?}");
    assert_eq!(at.audit().await.gaps, [gap], "it is told once");
    the_tree_begins_anew(&at, gap).await;
    assert_eq!(at.ballot_box.accepted(PollId::MAIN).await, Ok(144), "what is accepted fits what is counted again");
}

#[tokio::test]
async fn ballots_trimmed_by_hand_are_told() {
    waiting_ballots_are_missed_after(&["XTRIM", "{scrutin:0}:log", "MAXLEN", "0"]).await;
}

#[tokio::test]
async fn a_stream_deleted_by_hand_is_told() {
    waiting_ballots_are_missed_after(&["DEL", "{scrutin:0}:log"]).await;
}

#[tokio::test]
async fn entries_deleted_by_hand_are_told() {
    let delete = "local all = redis.call('XRANGE', KEYS[1], '-', '+')
        for i = #all, 1, -1 do
          local ballots = (#all[i][2][2] - 5) / 20
          if ballots > 0 and ARGV[1] + 0 >= ballots then
            redis.call('XDEL', KEYS[1], all[i][1])
            ARGV[1] = ARGV[1] - ballots
          end
        end";
    // From the end, so that of the entries that hold 128 counted ballots none is touched.
    waiting_ballots_are_missed_after(&["EVAL", delete, "1", "{scrutin:0}:log", "1024"]).await;
}

#[tokio::test]
async fn an_evicted_stream_is_told() {
    let (_database, mut at) = with_waiting_ballots().await;
    at.redis(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]).await;
    at.redis(&["CONFIG", "SET", "maxmemory", "4mb"]).await;
    let mut connection = at.redis.connection().await;
    let mut junk = 0;
    while redis::cmd("EXISTS").arg("{scrutin:0}:log").query_async::<u8>(&mut connection).await.unwrap() == 1 {
        junk += 1;
        // Once nothing is left to evict it is refused.
        let _ = redis::cmd("SET").arg(format!("junk:{junk}")).arg(vec![0; 100_000]).exec_async(&mut connection).await;
        assert!(junk < 100_000, "never evicted");
    }
    at.redis(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(at.vote("a").await, None, "a log without its stream takes nothing");
    waiting_ballots_are_missed(&mut at).await;
}

#[tokio::test]
async fn an_older_log_gets_the_polls_and_voters_that_the_ledger_knows() {
    let database = TestDatabase::create().await;
    let mut at = Installation::new(database.url(), 1).await;
    let _worker = at.start_worker();
    at.open().await;
    let [closed, once] = ["lunch", "once"].map(|id| PollId::parse(id).unwrap());
    let mut spec = PollSpec::simple("Once?", ["Yes", "No"]);
    at.ballot_box.create(Poll::new(closed, spec.clone()).unwrap()).await.unwrap();
    spec.votes_can_change = false;
    at.ballot_box.create(Poll::new(once, spec).unwrap()).await.unwrap();
    at.vote_many(10, "a").await;
    let files = at.files_when_all_is_counted().await;

    // Counted, and lost with the newer file: a close, a ballot that can't be changed, and a round.
    at.ballot_box.change(closed, PollChange::Close).await.unwrap();
    let of_once = |voter: u8, option: &str| {
        let choices = Choices::parse([option]).unwrap();
        Ballot { poll: once, voter: VoterId::from_bytes([voter; 16]), choices }
    };
    let Ok(CastOutcome::Recorded(first)) = at.ballot_box.cast(of_once(7, "a"), FIRST_REVISION).await else { panic!() };
    at.ballot_box.change(PollId::MAIN, PollChange::Reset).await.unwrap();
    at.vote_many(5, "b").await;
    at.shows([0, 5]).await;

    at.redis.set_back(&files, Duration::from_secs(3)).await;
    at.open().await;
    assert_eq!(at.ballot_box.poll(closed).await.unwrap().unwrap().state(), PollState::Closed);
    assert_eq!(at.ballot_box.cast(of_once(7, "b"), FIRST_REVISION).await, Ok(CastOutcome::AlreadyCast(first)));
    // Round 2 is counted already, so the next reset must begin round 3.
    at.ballot_box.change(PollId::MAIN, PollChange::Reset).await.unwrap();
    assert_eq!(at.ballot_box.poll(PollId::MAIN).await.unwrap().unwrap().round(), 3);
    at.vote_many(2, "a").await;
    at.shows([2, 0]).await;
    at.audit().await;
}
