//! Voters over three partitions, with the real programs: a poll's change is decided at its home and adopted by all, and
//! the one who carries it there is killed in between.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::time::Duration;

use domain::{Partitions, PollId};
use serde_json::Value;
use testkit::{
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, Service, Services},
    redis_server::RedisServer,
    steady_voters::SteadyVoters,
    tallies::accepted,
    wait,
};

const PARTITIONS: u16 = 3;
const VOTERS: u64 = 24;

async fn start(redis: &RedisServer, database: &TestDatabase) -> Services {
    let partitions = PARTITIONS.to_string();
    Services::start_with(&redis.url(), &database.url(), &[("PARTITIONS", &partitions)]).await
}

/// How many ballots all partitions have accepted.
async fn taken(vote_url: &str) -> u64 {
    wait::until("all partitions to say what they accepted", || accepted(vote_url, "main")).await
}

async fn change(vote_url: &str, word: &str) -> Option<u16> {
    let client = reqwest::Client::new();
    let request = client.post(format!("{vote_url}/api/polls/main/{word}")).bearer_auth(ORGANISER_TOKEN);
    Some(request.send().await.ok()?.status().as_u16())
}

/// The poll as each partition holds it.
async fn copies(redis: &RedisServer) -> Vec<Value> {
    let mut connection = redis.connection().await;
    let mut copies = Vec::new();
    for partition in 0..PARTITIONS {
        let key = format!("{{scrutin:{partition}}}:polls");
        let copy: String = redis::cmd("HGET").arg(key).arg("main").query_async(&mut connection).await.unwrap();
        copies.push(serde_json::from_str(&copy).unwrap());
    }
    copies
}

async fn are_equal(redis: &RedisServer) -> Value {
    wait::until("all partitions to hold the same", || async {
        let copies = copies(redis).await;
        copies.windows(2).all(|two| two[0] == two[1]).then(|| copies[0].clone())
    })
    .await
}

/// How many ballots each partition has accepted.
async fn shares(redis: &RedisServer) -> Vec<u64> {
    let mut connection = redis.connection().await;
    let mut shares = Vec::new();
    for partition in 0..PARTITIONS {
        let key = format!("{{scrutin:{partition}}}:accepted");
        let share: Option<u64> = redis::cmd("HGET").arg(key).arg("main").query_async(&mut connection).await.unwrap();
        shares.push(share.unwrap_or(0));
    }
    shares
}

/// Another `vote`, which is killed and started again.
async fn another_vote(redis: &RedisServer) -> Service {
    let mut vote = programs::vote(&redis.url(), None);
    vote.program.start_again_with("PARTITIONS", &PARTITIONS.to_string());
    vote.ready().await;
    vote
}

#[tokio::test]
async fn after_an_answered_close_no_ballot_is_taken_whoever_is_killed() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = start(&redis, &database).await;
    let vote_url = services.vote.url();
    let mut organiser = another_vote(&redis).await;
    let voters = SteadyVoters::start(std::slice::from_ref(&vote_url), "main", VOTERS, 2);
    let (mut answered, mut cut_off) = (0, 0);
    for round in 0..24_u64 {
        voters.goes_on(VOTERS).await;
        let url = organiser.url();
        let closing = tokio::spawn(async move { change(&url, "close").await });
        if round % 3 > 0 {
            // At another moment of the change each time.
            tokio::time::sleep(Duration::from_micros(500 + 250 * round)).await;
            organiser.program.kill();
        }
        if closing.await.unwrap() == Some(200) {
            answered += 1;
            let before = taken(&vote_url).await;
            voters.is_troubled(VOTERS).await;
            assert_eq!(taken(&vote_url).await, before, "round {round}: taken after the close");
        } else {
            cut_off += 1;
        }
        are_equal(&redis).await;
        assert_eq!(change(&vote_url, "open").await, Some(200));
        if round % 3 > 0 {
            organiser.program.start_again();
            organiser.ready().await;
        }
    }
    assert!(answered > 0 && cut_off > 0, "{answered} answered, {cut_off} cut off");
    let shares = shares(&redis).await;
    assert!(shares.iter().all(|&share| share > 0), "every partition has voters: {shares:?}");
    voters.goes_on(VOTERS).await;
    voters.stop(2).await.is_counted(&vote_url, &services.result.url(), "main").await;
}

#[tokio::test]
async fn a_home_that_was_set_back_learns_of_the_close_before_it_takes_ballots() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = start(&redis, &database).await;
    let vote_url = services.vote.url();
    let voters = SteadyVoters::start(std::slice::from_ref(&vote_url), "main", VOTERS, 2);
    voters.goes_on(10 * VOTERS).await;
    let open = copies(&redis).await[0].clone();
    services.worker.program.kill();
    assert_eq!(change(&vote_url, "close").await, Some(200));
    let home = Partitions::new(PARTITIONS).unwrap().home(PollId::MAIN).number();
    let mut connection = redis.connection().await;
    for partition in 0..PARTITIONS {
        // One partition has the poll as it was before, the poll's home among others, and no leader is attached.
        let key = |name: &str| format!("{{scrutin:{partition}}}:{name}");
        if partition == home {
            let older = open.to_string();
            redis::cmd("HSET").arg(key("polls")).arg("main").arg(older).exec_async(&mut connection).await.unwrap();
        }
        redis::cmd("DEL").arg(key("attached")).exec_async(&mut connection).await.unwrap();
    }
    let before = taken(&vote_url).await;
    services.worker.program.start_again();
    services.ready().await;
    let now = are_equal(&redis).await;
    assert_eq!(now["state"], "closed", "{now}");
    voters.is_troubled(VOTERS).await;
    assert_eq!(taken(&vote_url).await, before);
    assert_eq!(change(&vote_url, "open").await, Some(200));
    voters.stop(2).await.is_counted(&vote_url, &services.result.url(), "main").await;
}
