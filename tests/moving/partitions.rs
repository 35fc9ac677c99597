//! From some partitions to others: 4 to 16 in two databases, and home into one data directory.

use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    postgres_server::TestDatabase,
    programs::{ORGANISER_TOKEN, SECRET_KEY, Services},
    redis_server::RedisServer,
    steady_voters::SteadyVoters,
    tallies,
};

use crate::support::{
    Voter, cast, counted, export_of_services, finished, import, import_at_home, organise, recount_of_services, state,
    text,
};

/// The last one is published.
const POLLS: [&str; 3] = ["main", "lunch", "roof"];

/// A voter with one ballot in each of two rounds, and another whose second ballot replaced the first.
struct Known {
    early: Voter,
    changed: [Voter; 2],
}

/// Votes in four partitions: many who change their minds while the poll is reset, and some that are known.
async fn evening(services: &Services) -> (Known, Vec<Value>) {
    let vote_url = services.vote.url();
    organise(&vote_url, "", json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad"]})).await;
    let voters = SteadyVoters::start(std::slice::from_ref(&vote_url), "main", 24, 2);
    voters.goes_on(200).await;
    organise(&vote_url, "/main/reset", json!({})).await;
    voters.goes_on(200).await;
    drop(voters.stop(2).await);
    let early = cast(&vote_url, "lunch", "a", None).await;
    organise(&vote_url, "/lunch/reset", json!({})).await;
    let first = cast(&vote_url, "lunch", "a", None).await;
    let second = cast(&vote_url, "lunch", "b", Some(&first.cookie)).await;
    for choice in ["a", "b", "b", "a", "b"] {
        cast(&vote_url, "lunch", choice, None).await;
    }
    let roof = json!({"id": "roof", "question": "Mend the roof?", "options": ["Yes", "No"], "publish": true});
    organise(&vote_url, "", roof).await;
    cast(&vote_url, "roof", "a", None).await;
    for poll in POLLS {
        organise(&vote_url, &format!("/{poll}/close"), json!({})).await;
    }
    organise(&vote_url, "/roof/publish", json!({})).await;
    let mut tallies = Vec::new();
    for poll in POLLS {
        let accepted = tallies::accepted(&vote_url, poll).await.expect("what was accepted");
        tallies.push(finished(&services.result.url(), poll, accepted).await);
    }
    (Known { early, changed: [first, second] }, tallies)
}

async fn assert_same(result_url: &str, known: &Known, before: &[Value]) {
    for (poll, before) in POLLS.iter().zip(before) {
        let now = tallies::tally(result_url, poll).await.expect("a tally");
        for what in ["votes", "voters", "counted", "question", "open", "published", "revision", "round"] {
            assert_eq!(now[what], before[what], "{what} of {poll}");
        }
    }
    let Known { early, changed: [first, second] } = known;
    for (voter, expected) in [(early, "past_round"), (first, "replaced"), (second, "counted")] {
        assert_eq!(state(result_url, "lunch", &voter.receipt).await, expected);
    }
}

#[tokio::test]
async fn four_partitions_go_on_as_sixteen_in_two_databases_and_home_as_one() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("evening.log");
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start_with(&redis.url(), &database.url(), &[("PARTITIONS", "4")]).await;
    let (known, before) = evening(&services).await;
    let written = export_of_services(&database.url(), &file);
    assert!(written.status.success(), "{}", text(&written.stderr));
    drop(services);

    let databases = [TestDatabase::create().await, TestDatabase::create().await];
    let addresses = format!("{} {}", databases[0].url(), databases[1].url());
    let imported = import(&addresses, "16", &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    assert!(text(&imported.stdout).contains("all that the file says is counted"), "{}", text(&imported.stdout));
    assert!(text(&imported.stdout).contains("trees begin anew"), "{}", text(&imported.stdout));
    let again = import(&addresses, "16", &file);
    assert!(again.status.success(), "a second time changes nothing: {}", text(&again.stdout));

    let redis = RedisServer::start().await;
    let services = Services::start_with(&redis.url(), &addresses, &[("PARTITIONS", "16")]).await;
    assert_same(&services.result.url(), &known, &before).await;
    // The same browser is the same voter, in whichever partition.
    let vote_url = services.vote.url();
    organise(&vote_url, "/lunch/open", json!({})).await;
    cast(&vote_url, "lunch", "a", Some(&known.changed[0].cookie)).await;
    let ballots = before[1]["counted"].as_u64().expect("a number") + 1;
    let after = counted(&services.result.url(), "lunch", ballots).await;
    let votes = tallies::votes(&before[1], 2);
    assert_eq!(before[2]["published"], true, "{}", before[2]);
    assert_eq!((tallies::votes(&after, 2), &after["voters"]), (vec![votes[0] + 1, votes[1] - 1], &before[1]["voters"]));
    assert!(recount_of_services(&addresses).status.success());
    drop(services);

    let data = home.path().join("data");
    let imported = import_at_home(&data, &file);
    assert!(imported.status.success(), "{}{}", text(&imported.stdout), text(&imported.stderr));
    let now = AllInOne::start_with(&data, [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)]).await;
    assert_same(&now.result_url(), &known, &before).await;
}
