use domain::{Heartbeat, PollChange, PollId, PollSpec};
use serde_json::{Value, json};

use super::*;

fn tally(votes: &[u64]) -> Tally {
    let options = (0..votes.len()).map(|index| format!("Option {index}"));
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Which?", options)).unwrap();
    let figures = VoteCounts { votes: votes.to_vec(), voters: votes.iter().sum(), ballots: 40 };
    let position = Position::new(1_700_000_000_000, 3).unwrap();
    let share = ShareProgress { partition: Partition::new(0), position, heartbeat: Heartbeat::default() };
    Tally { poll, round: 1, figures, shares: vec![share], partitions: Partitions::ONE, is_complete: true }
}

#[test]
fn scores_are_what_the_example_app_reads_and_more_beside() {
    let score = PollScore::new(tally(&[12, 3]), 1_700_000_000_500);
    let scores: Value = serde_json::from_str(score.scores()).unwrap();
    assert_eq!(
        scores,
        json!({
            "a": 12, "b": 3, "voters": 15, "counted": 40, "open": true, "state": "open", "results": "live",
            "final": false,
            "poll": "main", "question": "Which?", "position": "1700000000000-3", "round": 1, "revision": 1,
            "edition": edition(score.poll()), "at": 1_700_000_000_500_u64,
        })
    );
}

#[test]
fn hidden_votes_are_in_nothing_that_leaves() {
    let mut tally = tally(&[12_345, 67_890]);
    tally.poll = tally.poll.after(&PollChange::Hide, 1).unwrap();
    let score = PollScore::new(tally, 0);
    assert_eq!(score.votes(), None);
    let body = serde_json::to_string(&score.body()).unwrap();
    for text in [score.scores(), &body] {
        assert!(!text.contains("12345") && !text.contains("67890") && !text.contains("\"a\""), "{text}");
        assert!(text.contains("\"voters\":80235"), "{text}");
    }
}

#[test]
fn stale_scores_say_since_when_and_stay_at_the_first_time() {
    let stale = PollScore::new(tally(&[1, 0]), 1_000).stale();
    assert_eq!(stale.stale_since_ms(), Some(1_000));
    assert_eq!(stale.stale().stale_since_ms(), Some(1_000));
    assert!(stale.scores().contains("\"stale_since\":1000"));
    assert!(!stale.shows_the_same_as(&PollScore::new(tally(&[1, 0]), 1_000)));
}

#[test]
fn a_tally_without_a_young_heartbeat_is_stale_since_then() {
    let since = |age_millis| {
        let mut tally = tally(&[1, 0]);
        tally.shares[0].heartbeat.age_millis = age_millis;
        PollScore::new(tally, 1_700_000_000_000).stale_since_ms()
    };
    assert_eq!(since(2_000), None);
    assert!(since(60_000).is_some_and(|since| (1_699_999_939_000..=1_699_999_940_000).contains(&since)));
}

/// Partitions whose heartbeats are so old.
fn spread(votes: &[u64], ages_millis: &[i64]) -> Tally {
    let share = |(number, age_millis): (u16, &i64)| ShareProgress {
        partition: Partition::new(number),
        position: Position::new(1_700_000_000_000 + u64::from(number), 0).unwrap(),
        heartbeat: Heartbeat { at_millis: 0, age_millis: *age_millis, log_millis: None },
    };
    let shares: Vec<_> = (0..).zip(ages_millis).map(share).collect();
    let partitions = Partitions::new(u16::try_from(shares.len()).unwrap()).unwrap();
    Tally { shares, partitions, ..tally(votes) }
}

#[test]
fn with_several_partitions_the_position_of_each_is_told() {
    let scores: Value = serde_json::from_str(PollScore::new(spread(&[1, 0], &[0, 0]), 0).scores()).unwrap();
    assert_eq!(scores["positions"], json!({"0": "1700000000000-0", "1": "1700000000001-0"}));
    assert_eq!(scores["position"], "1700000000000-0", "all are counted so far");
}

#[test]
fn the_oldest_share_says_since_when_scores_stand_still() {
    let now = 1_700_000_100_000;
    let score = PollScore::new(spread(&[1, 0], &[0, 60_000, 10_000]), now);
    assert!(score.stale_since_ms().is_some_and(|since| since <= now - 60_000), "{score:?}");
    assert_eq!(score.share_stale_since_ms(Partition::new(0)), None);
    assert!(score.share_stale_since_ms(Partition::new(2)).is_some_and(|since| since > now - 60_000));
}

#[test]
fn a_closed_poll_is_final_once_all_partitions_have_the_close() {
    let is_final = |is_complete| {
        let mut tally = spread(&[1, 0], &[0, 0]);
        tally.poll = tally.poll.after(&PollChange::Close, 1).unwrap();
        PollScore::new(Tally { is_complete, ..tally }, 0)
    };
    for complete in [true, false] {
        let scores: Value = serde_json::from_str(is_final(complete).scores()).unwrap();
        assert_eq!((&scores["state"], &scores["final"]), (&json!("closed"), &json!(complete)));
    }
    assert!(!is_final(true).shows_the_same_as(&is_final(false)), "screens are told");
    assert!(!PollScore::new(spread(&[1, 0], &[0, 0]), 0).is_final(), "an open one never is");
}

#[test]
fn that_ballots_are_published_is_told_and_only_then() {
    let spec = PollSpec { publish: true, ..PollSpec::simple("Which?", ["x", "y"]) };
    let poll = Poll::new(PollId::MAIN, spec).unwrap().after(&PollChange::Close, 1).unwrap();
    let score = |poll: &Poll| PollScore::new(Tally { poll: poll.clone(), ..tally(&[1, 0]) }, 0);
    let (before, after) = (score(&poll), score(&poll.after(&PollChange::Publish, 1).unwrap()));
    let told = |score: &PollScore| serde_json::from_str::<Value>(score.scores()).unwrap().get("published").cloned();
    assert_eq!((told(&before), told(&after)), (None, Some(json!(true))));
    assert_eq!(serde_json::to_value(after.body()).unwrap()["published"], true);
    assert!(!before.shows_the_same_as(&after), "screens are told");
}

/// A moment of the log's clock, which has nothing to do with ours.
const LOG_MS: u64 = 1_000_000;

/// A poll that closes at [`LOG_MS`] + 30 s, read 10 s before.
fn counting_down() -> Tally {
    let seconds = domain::CountdownSeconds::try_from(30).unwrap();
    let mut tally = tally(&[1, 0]);
    let countdown = PollChange::OpenFor(domain::Countdown::For(seconds));
    tally.poll = tally.poll.after_at(LOG_MS, &countdown, 1).unwrap();
    tally.shares[0].heartbeat =
        Heartbeat { log_millis: Some(LOG_MS + 19_000), age_millis: 1_000, ..Heartbeat::default() };
    tally
}

#[tokio::test(start_paused = true)]
async fn a_countdown_is_told_by_the_logs_clock_and_closes_what_is_shown() {
    let score = PollScore::new(counting_down(), 0);
    let told = |score: &PollScore| {
        let body = serde_json::to_value(score.body()).unwrap();
        (body["state"].clone(), body["open"].clone(), body["closes_in_ms"].clone(), body["final"].clone())
    };
    assert_eq!(told(&score), (json!("open"), json!(true), json!(10_000), json!(false)));
    assert!(score.scores().contains(r#""closes_in_ms":10000"#), "{}", score.scores());
    tokio::time::advance(Duration::from_millis(9_999)).await;
    assert_eq!(told(&score).2, json!(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    // The close is not counted yet, so figures may still grow.
    assert_eq!(told(&score), (json!("closed"), json!(false), Value::Null, json!(false)));
    let mut read_again = counting_down();
    read_again.shares[0].heartbeat.age_millis += 10_000;
    assert!(!score.shows_the_same_as(&PollScore::new(read_again, 0)), "screens are told");

    let unknown = Heartbeat { log_millis: None, ..Heartbeat::default() };
    let mut tally = counting_down();
    tally.shares[0].heartbeat = unknown;
    let score = PollScore::new(tally, 0);
    assert_eq!((score.closes_in_ms(), score.state()), (None, PollState::Open), "no clock is trusted instead");
}
