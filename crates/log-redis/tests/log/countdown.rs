//! Countdowns: the server's clock decides, in the step that appends.

use domain::{ChangeOutcome, Countdown, CountdownEnd, CountdownSeconds, PollChange, PollCopies};
use scrutin_log_redis::RedisPollCopies;
use tokio::task::JoinSet;

use super::*;

fn for_seconds(seconds: u32) -> PollChange {
    PollChange::OpenFor(Countdown::For(CountdownSeconds::try_from(seconds).unwrap()))
}

fn done(change: Result<ChangeOutcome, Unavailable>) -> Poll {
    match change {
        Ok(ChangeOutcome::Done(poll)) => poll,
        other => panic!("not done: {other:?}"),
    }
}

/// What the server's clock shows, in milliseconds since 1970.
async fn clock(redis: &RedisServer) -> u64 {
    let mut connection = redis.connection().await;
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    seconds * 1_000 + micros / 1_000
}

async fn clock_reaches(redis: &RedisServer, moment: u64) {
    wait::until_true("the moment", || async { clock(redis).await >= moment }).await;
}

fn copies_on(addresses: &RedisAddresses, partitions: Partitions) -> RedisPollCopies {
    RedisPollCopies::new(addresses, partitions)
}

/// The poll `main` with a countdown that ends at this moment, as a ledger may know it.
fn until(moment: u64) -> Poll {
    poll("main").after_at(moment - 1, &PollChange::OpenFor(Countdown::Until(moment)), 0).unwrap()
}

/// Casts ballots of many voters until one is refused; returns the positions of the others, and what the clock of this
/// server showed after the first refusal.
///
/// Each of 32 has a connection of its own, so that many calls come in any millisecond.
async fn cast_until_closed(
    open: impl Fn() -> Arc<RedisBallotBox>,
    redis: &RedisServer,
    voters: &[VoterId],
) -> (Vec<u64>, u64) {
    let mut voting = JoinSet::new();
    for chunk in voters.chunks(voters.len().div_ceil(32)) {
        let (ballots, chunk) = (open(), chunk.to_vec());
        voting.spawn(async move {
            let mut taken = Vec::new();
            for voter in chunk.into_iter().cycle() {
                let ballot = Ballot { poll: id("main"), voter, choices: Choices::parse(["a"]).unwrap() };
                match ballots.cast(ballot, FIRST_REVISION).await {
                    Ok(CastOutcome::Recorded(position)) => taken.push(position.millis()),
                    Ok(CastOutcome::NotOpen(PollState::Closed)) => return taken,
                    other => panic!("neither taken nor refused: {other:?}"),
                }
            }
            unreachable!("it goes round")
        });
    }
    let mut all = voting.join_next().await.unwrap().unwrap();
    let refused_by = clock(redis).await;
    while let Some(taken) = voting.join_next().await {
        all.extend(taken.unwrap());
    }
    (all, refused_by)
}

/// Before release 7.2 the clock of Redis goes on within a call. So the last call, which began before the moment, may
/// get a position behind it; every later one begins at that position or after it.
async fn assert_none_is_taken_from(moment: u64, redis: &RedisServer, partition: Partition, taken: &[u64]) {
    let log = format!("{{scrutin:{partition}}}:log");
    let mut range = redis::cmd("XRANGE");
    let calls: Vec<redis::Value> =
        range.arg(log).arg(moment).arg("+").query_async(&mut redis.connection().await).await.unwrap();
    let late = taken.iter().filter(|&&millis| millis >= moment).count();
    assert!(calls.len() <= 1, "{partition}: {late} ballots in {} calls were taken at {moment} or later", calls.len());
}

#[tokio::test]
async fn nothing_is_taken_at_the_moment_and_nothing_before_it_is_refused() {
    for poll in [poll("main"), once_only("main")] {
        let mut scene = Scene::begun_with(vec![poll]).await;
        let before = clock(&scene.redis).await;
        let opened = done(scene.ballots.change(id("main"), for_seconds(1)).await);
        let closes_at = opened.closes_at().unwrap();
        assert!(
            (before + 1_000..=clock(&scene.redis).await + 1_000).contains(&closes_at),
            "it counts from the opening"
        );

        // Where nobody may vote twice there must be enough of them.
        let voters: Vec<VoterId> = (0..if opened.votes_can_change() { 64 } else { 400_000 }).map(voter).collect();
        let (taken, refused_by) = cast_until_closed(|| ballot_box_on(&scene.redis), &scene.redis, &voters).await;
        assert_none_is_taken_from(closes_at, &scene.redis, Partition::new(0), &taken).await;
        assert!(refused_by >= closes_at, "refused at {refused_by}, before {closes_at}");
        assert_eq!(scene.ballots_in_log().await.len(), taken.len(), "and the log has no others");
    }
}

#[tokio::test]
async fn a_poll_whose_countdown_has_ended_is_closed_before_the_log_says_so() {
    let mut scene = Scene::begun().await;
    let opened = done(scene.ballots.change(id("main"), for_seconds(1)).await);
    let closes_at = opened.closes_at().unwrap();
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(opened.clone())));
    let shown = scene.ballots.log_millis(id("main"));
    assert!(shown <= clock(&scene.redis).await && shown + 1_000 >= closes_at, "{shown} is not the server's clock");
    clock_reaches(&scene.redis, closes_at).await;

    let closed = opened.as_of(closes_at);
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(closed.clone())));
    assert_eq!(scene.ballots.polls().await, Ok(vec![closed.clone()]));
    assert_eq!(scene.log.polls().await, Ok(vec![opened]), "nothing was written");
    let seen = closed.version();
    let hidden = done(scene.ballots.change_seen(id("main"), seen, PollChange::Hide).await.map(Option::unwrap));
    assert!(hidden.is_hidden() && !hidden.is_open());
    assert_eq!(scene.log.polls().await, Ok(vec![hidden.clone()]));
    assert_eq!(copies_on(&url(&scene.redis), Partitions::ONE).close_in_time(id("main")).await, Ok(CountdownEnd::None));
}

#[tokio::test]
async fn the_close_is_written_once_and_never_before_the_moment() {
    let mut scene = Scene::begun().await;
    let copies = Arc::new(copies_on(&url(&scene.redis), Partitions::ONE));
    assert_eq!(copies.close_in_time(id("main")).await, Ok(CountdownEnd::None));
    assert_eq!(copies.close_in_time(id("unknown")).await, Ok(CountdownEnd::None));
    let opened = done(scene.ballots.change(id("main"), for_seconds(1)).await);
    let Ok(CountdownEnd::In(left)) = copies.close_in_time(id("main")).await else { panic!("it has not ended") };
    assert!(left <= Duration::from_secs(1));
    clock_reaches(&scene.redis, opened.closes_at().unwrap()).await;

    let mut closing = JoinSet::new();
    for _ in 0..8 {
        let copies = Arc::clone(&copies);
        closing.spawn(async move { copies.close_in_time(id("main")).await.unwrap() });
    }
    let closed = CountdownEnd::Closed(Box::new(opened.as_of(opened.closes_at().unwrap())));
    let ends = closing.join_all().await;
    assert_eq!(ends.iter().filter(|end| **end == closed).count(), 1, "{ends:?}");
    let polls = scene.entries().await.into_iter().map(|entry| entry.record.unwrap());
    let states: Vec<_> = polls.map(|record| matches!(record, Record::Poll(poll) if poll.is_open())).collect();
    assert_eq!(states, [true, false], "opened, and closed once");
}

#[tokio::test]
async fn more_time_and_no_countdown_any_more_are_changes_too() {
    let scene = Scene::begun().await;
    let copies = copies_on(&url(&scene.redis), Partitions::ONE);
    let short = done(scene.ballots.change(id("main"), for_seconds(1)).await);
    let long = done(scene.ballots.change(id("main"), for_seconds(60)).await);
    assert_eq!(long.version(), short.version() + 1);
    clock_reaches(&scene.redis, short.closes_at().unwrap()).await;
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    assert!(matches!(copies.close_in_time(id("main")).await, Ok(CountdownEnd::In(_))));
    let unlimited = done(scene.ballots.change(id("main"), PollChange::Open).await);
    assert_eq!((unlimited.closes_at(), unlimited.is_open()), (None, true));
    assert_eq!(copies.close_in_time(id("main")).await, Ok(CountdownEnd::None));

    let past = PollChange::OpenFor(Countdown::Until(clock(&scene.redis).await));
    let refused = scene.ballots.change(id("main"), past).await;
    assert!(matches!(refused, Ok(ChangeOutcome::Refused(domain::ChangeRefused::Countdown(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_log_that_begins_after_the_moment_takes_no_ballot() {
    let mut scene = Scene::new().await;
    let moment = clock(&scene.redis).await;
    attach(&mut scene.log, seed(Position::ZERO, vec![until(moment)])).await;
    let cast = scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await;
    assert_eq!(cast, Ok(CastOutcome::NotOpen(PollState::Closed)));
    let closed = copies_on(&url(&scene.redis), Partitions::ONE).close_in_time(id("main")).await;
    assert!(matches!(closed, Ok(CountdownEnd::Closed(_))), "{closed:?}");
}

/// Three partitions, each on a server of its own; the clock of the last is two seconds behind.
#[tokio::test]
async fn each_partition_decides_by_its_own_clock_until_it_is_told() {
    const BEHIND: Duration = Duration::from_secs(2);
    let three = Partitions::new(3).unwrap();
    let mut servers = [RedisServer::start().await, RedisServer::start().await, RedisServer::start().await];
    let late = (usize::from(three.home(id("main")).number()) + 1) % 3;
    let files = servers[late].files();
    servers[late].set_back(&files, BEHIND).await;
    let addresses: RedisAddresses = servers.each_ref().map(RedisServer::url).join(" ").parse().unwrap();
    for partition in three.all() {
        attach(&mut RedisLog::new(&addresses, partition), seed(Position::ZERO, vec![poll("main")])).await;
    }
    let ballots = RedisBallotBox::new(&addresses, three);
    let copies = copies_on(&addresses, three);
    let opened = done(ballots.change(id("main"), for_seconds(1)).await);
    let closes_at = opened.closes_at().unwrap();

    let home = three.home(id("main"));
    for partition in [home, Partition::new(u16::try_from(late).unwrap())] {
        let server = &servers[usize::from(partition.number())];
        let of_partition = |voter: &VoterId| three.of_voter(*voter) == partition;
        let many = (0..300_u128).map(|number| VoterId::from_bytes((number << 64).to_be_bytes()));
        let voters: Vec<VoterId> = many.filter(of_partition).collect();
        let open = || RedisBallotBox::new(&addresses, three);
        let (taken, refused_by) = cast_until_closed(open, server, &voters).await;
        assert!(!taken.is_empty(), "partition {partition}");
        assert_none_is_taken_from(closes_at, server, partition, &taken).await;
        assert!(refused_by >= closes_at, "partition {partition} refused at {refused_by}, before {closes_at}");
    }
    let held = copies.held_by(Partition::new(u16::try_from(late).unwrap())).await.unwrap();
    let home_clock = copies.held_by(home).await.unwrap().now_millis;
    assert!((1_500..2_500).contains(&home_clock.saturating_sub(held.now_millis)), "each says what its clock shows");
    assert!(matches!(copies.close_in_time(id("main")).await, Ok(CountdownEnd::Closed(_))));
    copies.spread(id("main")).await.unwrap();
    for partition in three.all() {
        let held = copies.held_by(partition).await.unwrap().copies;
        assert_eq!(held[0].poll, opened.as_of(closes_at), "partition {partition}");
    }
}

#[tokio::test]
async fn a_poll_keeps_its_countdown_when_it_is_rewritten() {
    let three = Partitions::new(3).unwrap();
    let redis = RedisServer::start().await;
    for partition in three.all() {
        attach(&mut RedisLog::new(&url(&redis), partition), seed(Position::ZERO, vec![poll("main")])).await;
    }
    let ballots = RedisBallotBox::new(&url(&redis), three);
    let opened = done(ballots.change(id("main"), for_seconds(60)).await);
    let tea = || PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes", "No"])));
    let rewritten = done(ballots.change(id("main"), tea()).await);
    assert_eq!((rewritten.question(), rewritten.closes_at()), ("Tea?", opened.closes_at()));

    let opened = done(ballots.change(id("main"), for_seconds(1)).await);
    clock_reaches(&redis, opened.closes_at().unwrap()).await;
    let coffee = PollChange::Rewrite(Box::new(PollSpec::simple("Coffee?", ["Yes", "No"])));
    let rewritten = done(ballots.change(id("main"), coffee).await);
    assert_eq!((rewritten.question(), rewritten.is_open()), ("Coffee?", false), "it stays closed");
}
