//! Clock changes while ballots are cast, tested from inside: a real Redis, and a link with a wrong reading of its
//! clock.

use std::time::SystemTime;

use domain::{Choices, FIRST_REVISION, Log, LogSeed, LogState, Partition, Poll, PollSeed, PollSpec, Position, VoterId};
use testkit::redis_server::RedisServer;

use super::*;
use crate::{RedisAddresses, RedisLog};

struct Scene {
    _redis: RedisServer,
    link: Arc<Link>,
    casting: CastQueue,
}

impl Scene {
    async fn begun() -> Self {
        let redis = RedisServer::start().await;
        let url: RedisAddresses = redis.url().parse().unwrap();
        let partition = Partition::new(0);
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
        let polls = vec![PollSeed { poll, ballots: 0, voters: Vec::new() }];
        let mut log = RedisLog::new(&url, partition);
        log.claim("a leader", &LogState::default()).await.unwrap();
        log.begin(LogSeed { after: Position::ZERO, polls, events: Vec::new() }).await.unwrap();
        log.open().await.unwrap();
        let link = Arc::new(Link::new(&url, partition));
        let (casting, sending) = CastQueue::new(Arc::new(Keys::new(partition)), link.clone(), partition);
        tokio::spawn(send_as_they_come(sending, Spacing::of_one_of(1)));
        Self { _redis: redis, link, casting }
    }

    async fn cast(&self, voter: u8) -> CastAnswer {
        let choices = Choices::parse(["a"]).unwrap();
        let ballot = Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([voter; 16]), choices };
        self.casting.cast(ballot, FIRST_REVISION).await
    }

    /// The link's error: its reading of the clock minus the real clock, which is this machine's.
    async fn mistaken_by_ms(&self) -> i64 {
        let connection = self.link.connected(WHAT, Deadline::usual()).await.unwrap();
        let known = connection.clock_at(Deadline::within(Duration::ZERO));
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
        i64::try_from(known).unwrap() - i64::try_from(now).unwrap()
    }
}

#[tokio::test]
async fn a_clock_of_redis_that_was_set_forward_stops_nobody_from_voting() {
    let scene = Scene::begun().await;
    assert!(matches!(scene.cast(1).await, Ok(CastOutcome::Recorded(_))));
    scene.link.mistake_clock_by(-60_000).await;
    assert!(matches!(scene.cast(2).await, Ok(CastOutcome::Recorded(_))), "at once, and not only after another try");
    assert!(scene.mistaken_by_ms().await > -30_000);
}

#[tokio::test]
async fn a_clock_of_redis_that_was_set_back_lets_no_call_be_late() {
    let scene = Scene::begun().await;
    assert!(matches!(scene.cast(1).await, Ok(CastOutcome::Recorded(_))));
    scene.link.mistake_clock_by(60_000).await;
    assert!(matches!(scene.cast(2).await, Ok(CastOutcome::Recorded(_))));
    assert!(scene.mistaken_by_ms().await < 30_000, "known from the next answer on");
}

#[tokio::test]
async fn a_call_that_came_too_late_is_given_back_before_anybody_is_told() {
    let scene = Scene::begun().await;
    assert!(matches!(scene.cast(1).await, Ok(CastOutcome::Recorded(_))));
    scene.link.mistake_clock_by(-60_000).await;
    let (answer, _answered) = oneshot::channel();
    let ballot =
        Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([2; 16]), choices: Choices::parse(["a"]).unwrap() };
    let queued = QueuedBallot { ballot, revision: FIRST_REVISION, since: Instant::now(), answer };
    let groups = vec![((PollId::MAIN, FIRST_REVISION), vec![queued])];
    let keys = Arc::new(Keys::new(Partition::new(0)));
    let memory = Arc::new(RedisMemory::new(Partition::new(0)));
    let path = SendPath { link: scene.link.clone(), fence: Fence::new(keys.clone()), keys, memory };
    let too_late = send_within(&path, Deadline::usual(), groups).await;
    assert_eq!(too_late.len(), 1, "given back rather than answered");
    assert!(!too_late[0].group.1[0].answer.is_closed());
}
