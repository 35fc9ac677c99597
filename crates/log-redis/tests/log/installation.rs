//! Which installation a log belongs to: written once, read by everybody, and nothing is sent to another's.

use domain::LogIdentity;

use crate::*;

fn vote_with(redis: &RedisServer, text: &str) -> Arc<RedisBallotBox> {
    RedisBallotBox::on(&url(redis), Partitions::ONE, Durability::Disk, key(text))
}

async fn cast_on(ballots: &RedisBallotBox, voter: u32) -> Result<CastOutcome, Unavailable> {
    ballots.cast(ballot("main", voter, "a"), FIRST_REVISION).await
}

async fn known(redis: &RedisServer) -> LogIdentity {
    log_on(redis).identity().await.unwrap()
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Unavailable>) -> String {
    let refused = answer.unwrap_err();
    assert!(matches!(refused, Unavailable::Untrusted(_)) && refused.nothing_happened(), "{refused:?}");
    refused.to_string()
}

#[tokio::test]
async fn the_first_vote_gives_its_key_and_one_with_another_takes_nothing() {
    let redis = RedisServer::start().await;
    let ballots = vote_with(&redis, "aa");
    assert_eq!(ballots.ready().await, Err(Unavailable::NotBegun), "no worker was here");
    begun_on(&redis).await;
    eventually(|| ballots.ready()).await;
    recorded(cast_on(&ballots, 1).await);
    assert_eq!(known(&redis).await.installation.unwrap().0.fingerprint, Some(key("aa")));

    let other = vote_with(&redis, "bb");
    for why in [refused(cast_on(&other, 2).await), refused(other.ready().await), refused(other.polls().await)] {
        assert!(why.contains("aa") && why.contains("bb") && why.contains("SECRET_KEY"), "{why}");
    }
    recorded(cast_on(&ballots, 3).await);
    recorded(cast_on(&vote_with(&redis, "aa"), 4).await);
}

#[tokio::test]
async fn of_many_votes_with_two_keys_at_once_only_those_of_one_take_ballots() {
    let redis = RedisServer::start().await;
    begun_on(&redis).await;
    let all: Vec<_> = (0..12).map(|number| (number % 2, vote_with(&redis, ["aa", "bb"][number % 2]))).collect();
    let (local, mut casting) = (tokio::task::LocalSet::new(), tokio::task::JoinSet::new());
    for (of, ballots) in all {
        let cast = async move {
            eventually(|| async {
                match cast_on(&ballots, 1).await {
                    Err(Unavailable::NotBegun) => Err("not yet"),
                    cast => Ok((of, cast.is_ok())),
                }
            })
            .await
        };
        casting.spawn_local_on(cast, &local);
    }
    let taken = local.run_until(casting.join_all()).await;
    let of = |number| taken.iter().filter(|(of, taken)| *of == number && *taken).count();
    assert!((of(0), of(1)) == (6, 0) || (of(0), of(1)) == (0, 6), "{taken:?}");
}

#[tokio::test]
async fn a_changed_key_or_number_is_noticed_under_live_connections() {
    let redis = RedisServer::start().await;
    begun_on(&redis).await;
    let ballots = vote_with(&redis, "aa");
    eventually(|| cast_on(&ballots, 1)).await;
    let until_refused = || async { if cast_on(&ballots, 2).await.is_err() { Ok(()) } else { Err("still taken") } };
    log_on(&redis).rekey(&key("bb")).await.unwrap();
    eventually(until_refused).await;
    assert!(refused(cast_on(&ballots, 2).await).contains("bb"));
    recorded(Ok(eventually(|| async { cast_on(&vote_with(&redis, "bb"), 3).await }).await));

    log_on(&redis).rekey(&key("aa")).await.unwrap();
    eventually(|| cast_on(&ballots, 4)).await;
    let four = RedisBallotBox::on(&url(&redis), Partitions::new(4).unwrap(), Durability::Disk, key("aa"));
    assert!(refused(four.ready().await).contains("PARTITIONS"), "one partition is there");
}

#[tokio::test]
async fn a_written_installation_and_its_key_stay() {
    let redis = RedisServer::start().await;
    let mut log = log_on(&redis);
    assert_eq!(known(&redis).await, LogIdentity::default());
    assert_eq!(log.rekey(&key("aa")).await, Err(Unavailable::NotBegun));
    log.install(&installation("one")).await.unwrap();
    assert!(log.install(&installation("two")).await.is_err());
    let with = |text| Installation { fingerprint: Some(key(text)), ..installation("one") };
    log.install(&with("aa")).await.unwrap();
    log.install(&with("bb")).await.unwrap();
    log.install(&installation("one")).await.unwrap();
    assert_eq!(known(&redis).await.installation, Some((with("aa"), Partition::new(0))));
    log.rekey(&key("bb")).await.unwrap();
    assert_eq!(known(&redis).await.installation, Some((with("bb"), Partition::new(0))));
}
