//! Viewers receive scores: on connecting, on a vote, at the beat; and what they send never harms.

mod support;

use std::time::Duration;

use domain::{PollChange, PollId, PollSpec};
use scrutin_result::{Config, Timing};
use serde_json::Value;
use support::{
    App, config, spawn_app, spawn_app_with,
    viewers::{PollingViewer, Viewer},
};
use testkit::wait;

fn simple(question: &str) -> PollSpec {
    PollSpec::simple(question, ["Yes", "No"])
}

async fn spawn_app_with_timing(pace: Duration, beat: Duration) -> App {
    spawn_app_with(Config { timing: Timing { pace, beat, look: Duration::from_mins(10) }, ..config() }).await
}

#[tokio::test]
async fn a_viewer_is_greeted_and_then_gets_the_scores() {
    let app = spawn_app().await;
    app.ledger.vote("main", 0);
    let mut viewer = app.viewer().await;
    assert_eq!(viewer.message().await, "Welcome!");
    let scores = viewer.scores().await;
    assert_eq!((&scores["a"], &scores["b"], &scores["voters"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!((&scores["poll"], &scores["open"]), (&"main".into(), &true.into()));
}

#[tokio::test]
async fn a_vote_reaches_viewers_over_websocket_and_over_polling() {
    let app = spawn_app().await;
    let mut over_websocket = app.viewer().await;
    let mut over_polling = PollingViewer::connect(app.addr).await;
    over_websocket.message().await;
    assert_eq!(over_websocket.scores().await["a"], 0);
    assert_eq!(over_polling.event().await.0, "message");
    assert_eq!(over_polling.scores().await["a"], 0);

    app.ledger.vote("main", 0);
    assert_eq!(over_websocket.scores().await["a"], 1);
    assert_eq!(over_polling.scores().await["a"], 1);
    app.ledger.vote("main", 1);
    assert_eq!(over_websocket.scores().await["b"], 1);
    assert_eq!(over_polling.scores().await["b"], 1);
}

#[tokio::test]
async fn subscribing_moves_to_another_poll() {
    let app = spawn_app().await;
    app.ledger.create("lunch", simple("Lunch?"));
    let mut bystander = app.viewer().await;
    bystander.message().await;
    bystander.scores().await;
    let mut viewer = app.viewer().await;
    // At once, as some clients do: before the greeting is read.
    viewer.subscribe("lunch").await;
    viewer.message().await;
    assert_eq!(viewer.scores().await["poll"], "main");
    assert_eq!(viewer.scores().await["poll"], "lunch");

    app.ledger.vote("main", 0);
    assert_eq!(bystander.scores().await["a"], 1);
    // Had it stayed in the other room, it would have heard of that vote by now.
    app.ledger.vote("lunch", 1);
    let scores = viewer.scores().await;
    assert_eq!((&scores["poll"], &scores["b"]), (&"lunch".into(), &1.into()));

    viewer.subscribe("main").await;
    let scores = viewer.scores().await;
    assert_eq!((&scores["poll"], &scores["a"]), (&"main".into(), &1.into()));
}

#[tokio::test]
async fn the_poll_can_be_named_on_connecting() {
    let app = spawn_app().await;
    app.ledger.create("lunch", simple("Lunch?"));
    let mut viewer = app.viewer_of("lunch").await;
    viewer.message().await;
    assert_eq!(viewer.scores().await["question"], "Lunch?");
    app.ledger.vote("main", 0);
    app.ledger.vote("lunch", 0);
    assert_eq!(viewer.scores().await["poll"], "lunch");
}

#[tokio::test]
async fn after_an_unknown_poll_the_viewer_stays_where_it_was() {
    let app = spawn_app().await;
    let mut viewer = app.viewer_of("nowhere").await;
    assert_eq!(viewer.message().await, "Welcome!");
    assert_eq!(viewer.message().await, "There is no poll nowhere.");
    assert_eq!(viewer.scores().await["poll"], "main");
    viewer.subscribe("nothing").await;
    assert_eq!(viewer.message().await, "There is no poll nothing.");
    viewer.subscribe("NO ID\u{0}").await;
    assert_eq!(viewer.message().await, "There is no such poll.");
    app.ledger.vote("main", 1);
    assert_eq!(viewer.scores().await["b"], 1);
}

#[tokio::test]
async fn a_poll_created_later_reaches_the_viewers_that_wait() {
    let app = spawn_app().await;
    app.ledger.remove("main");
    let mut viewer = app.viewer().await;
    assert_eq!(viewer.message().await, "Welcome!");
    assert_eq!(viewer.message().await, "There is no poll main yet.");
    assert_eq!(app.get("/").await.status(), 404);
    app.ledger.create("main", simple("Tea?"));
    app.ledger.notify(&[PollId::MAIN]);
    assert_eq!(viewer.scores().await["question"], "Tea?");
}

#[tokio::test]
async fn many_votes_are_sent_together() {
    let app = spawn_app_with_timing(Duration::from_millis(200), Duration::from_mins(10)).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    let reads = app.ledger.reads();
    let begun = std::time::Instant::now();
    for _ in 0..500 {
        app.ledger.vote("main", 0);
        // Not a wait for a condition: votes come one after the other.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (before, _) = viewer.scores_until(|scores| scores["a"] == 500).await;
    // One at once, then one for each 200 ms.
    let most = usize::try_from(begun.elapsed().as_millis() / 200).unwrap() + 2;
    assert!(before < most, "{} sendings, at most {most} expected", before + 1);
    assert!(app.ledger.reads() - reads <= most, "{} reads", app.ledger.reads() - reads);
}

#[tokio::test]
async fn a_first_vote_is_sent_at_once() {
    // With this pace, scores that waited for the interval would not come in time.
    let app = spawn_app_with_timing(Duration::from_hours(1), Duration::from_hours(2)).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    app.ledger.vote("main", 0);
    assert_eq!(viewer.scores().await["a"], 1);
}

#[tokio::test]
async fn the_beat_is_sent_without_changes_and_finds_missed_ones() {
    let app = spawn_app_with_timing(Duration::from_millis(10), Duration::from_millis(100)).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    for _ in 0..3 {
        assert_eq!(viewer.scores().await["a"], 0);
    }
    app.ledger.edit_silently("main", |tally| tally.figures.votes[0] = 7);
    viewer.scores_until(|scores| scores["a"] == 7).await;
}

#[tokio::test]
async fn after_missed_notifications_watched_polls_are_read_and_changes_sent() {
    let app = spawn_app().await;
    app.ledger.create("lunch", simple("Lunch?"));
    let mut main = app.viewer().await;
    let mut lunch = app.viewer_of("lunch").await;
    for viewer in [&mut main, &mut lunch] {
        viewer.message().await;
        viewer.scores().await;
    }
    app.ledger.vote("main", 0);
    assert_eq!(main.scores().await["a"], 1);
    app.ledger.vote("lunch", 0);
    assert_eq!(lunch.scores().await["a"], 1);

    app.ledger.edit_silently("lunch", |tally| tally.figures.votes[1] = 5);
    app.ledger.notify_any();
    assert_eq!(lunch.scores().await["b"], 5);
    // `main` was looked at too and had not moved: the next that its viewer hears is its next vote.
    app.ledger.vote("main", 0);
    assert_eq!(main.scores().await["a"], 2);
}

#[tokio::test]
async fn polls_that_nobody_watches_are_not_read() {
    let app = spawn_app().await;
    app.ledger.create("lunch", simple("Lunch?"));
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    let reads = app.ledger.reads();
    for _ in 0..50 {
        app.ledger.vote("lunch", 0);
    }
    app.ledger.vote("main", 0);
    viewer.scores().await;
    assert_eq!(app.ledger.reads(), reads + 1);
}

#[tokio::test]
async fn hidden_votes_never_reach_a_viewer() {
    let app = spawn_app().await;
    app.ledger.change("main", &PollChange::Hide);
    app.ledger.vote_many("main", 0, 31_337);
    app.ledger.vote_many("main", 1, 42_424);
    let mut viewer = app.viewer().await;
    viewer.message().await;
    let scores = viewer.scores().await;
    assert_eq!(scores["voters"], 73_761);
    assert_eq!((scores.get("a"), &scores["results"]), (None, &"hidden".into()));
    app.ledger.vote("main", 0);
    let scores = viewer.scores_until(|scores| scores["voters"] == 73_762).await.1;
    assert_eq!(scores.get("a"), None);
    for text in [viewer.received.concat(), app.page("/").await, app.page("/api/polls/main/tally").await] {
        assert!(!text.contains("31337") && !text.contains("31,337") && !text.contains("31338"), "{text}");
        assert!(!text.contains("42424") && !text.contains("42,424"), "{text}");
    }
    app.ledger.change("main", &PollChange::Reveal);
    let scores = viewer.scores_until(|scores| scores["results"] == "live").await.1;
    assert_eq!(scores["a"], 31_338);
}

#[tokio::test]
async fn a_lost_ledger_is_shown_and_scores_continue_afterwards() {
    let app = spawn_app().await;
    app.ledger.vote("main", 0);
    let mut viewer = app.viewer().await;
    viewer.message().await;
    let live = viewer.scores().await;
    app.ledger.set_down(true);
    let (reads, begun) = (app.ledger.reads(), std::time::Instant::now());
    app.ledger.notify_any();
    let stale = viewer.scores_until(|scores| scores["stale_since"].is_u64()).await.1;
    assert_eq!(stale["a"], 1);
    assert!(stale["stale_since"].as_u64() >= live["at"].as_u64(), "{stale}");
    // A newcomer sees the same, and so does a page.
    let mut newcomer = app.viewer().await;
    newcomer.message().await;
    assert_eq!(newcomer.scores().await["stale_since"], stale["stale_since"]);
    assert!(app.page("/").await.contains("data-kind=\"stale\""));

    wait::until_true("the ledger is asked again", async || app.ledger.reads() - reads >= 3).await;
    // About once a second, not without pause.
    let most = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    assert!(app.ledger.reads() - reads <= most, "{} reads, at most {most} expected", app.ledger.reads() - reads);

    app.ledger.edit_silently("main", |tally| tally.figures.votes[1] = 3);
    app.ledger.set_down(false);
    // Nobody says that it is back: it is asked again.
    let back = viewer.scores_until(|scores| scores["stale_since"].is_null()).await.1;
    assert_eq!(back["b"], 3);
}

#[tokio::test]
async fn a_stopped_count_is_shown_within_seconds_until_it_works_again() {
    let timing = Timing { look: Duration::from_millis(100), ..config().timing };
    let app = spawn_app_with(Config { timing, ..config() }).await;
    app.ledger.create("lunch", simple("Lunch?"));
    app.ledger.vote("main", 0);
    let (mut viewer, mut lunch) = (app.viewer().await, app.viewer_of("lunch").await);
    for viewer in [&mut viewer, &mut lunch] {
        viewer.message().await;
        assert!(viewer.scores().await["stale_since"].is_null());
    }
    // Nobody says anything: there is nobody any more who could.
    app.ledger.stop_counting("main", Some(60_000));
    let stale = viewer.scores_until(|scores| scores["stale_since"].is_u64()).await.1;
    assert_eq!(stale["a"], 1);
    let since = stale["stale_since"].as_u64().unwrap();
    assert!(since <= stale["at"].as_u64().unwrap(), "{stale}");
    assert_eq!(app.json("/api/polls/main/tally").await["stale_since"], since, "and it stays that");
    assert!(app.page("/").await.contains("data-kind=\"stale\""));
    assert!(app.json("/api/polls/lunch/tally").await["stale_since"].is_null(), "its own partition is counted");

    app.ledger.stop_counting("main", None);
    let back = viewer.scores_until(|scores| scores["stale_since"].is_null()).await.1;
    assert_eq!(back["a"], 1);
    assert!(!app.page("/").await.contains("data-kind=\"stale\""));
}

#[tokio::test]
async fn a_viewer_that_connects_during_an_outage_gets_scores_later() {
    let app = spawn_app().await;
    app.ledger.set_down(true);
    let mut viewer = app.viewer().await;
    viewer.message().await;
    assert!(viewer.message().await.contains("can't be read"));
    app.ledger.set_down(false);
    assert_eq!(viewer.scores().await["a"], 0);
}

#[tokio::test]
async fn junk_is_answered_or_ends_that_connection_only() {
    let app = spawn_app().await;
    let mut bystander = app.viewer().await;
    bystander.message().await;
    bystander.scores().await;

    let mut harmless = app.viewer().await;
    harmless.message().await;
    harmless.scores().await;
    for payload in ["", ",1", ",null", ",[]", ",{\"channel\":5}", ",{\"channel\":{\"a\":[]}}", ",{},{},{}", ",true"] {
        harmless.send(&format!("42[\"subscribe\"{payload}]")).await;
        assert!(harmless.message().await.starts_with("To subscribe"), "{payload}");
    }
    harmless.send("42[\"no such event\",1]").await;
    harmless.send("4212[\"subscribe\",{\"channel\":\"main\"}]").await;
    assert_eq!(harmless.scores().await["poll"], "main");

    for junk in
        ["4", "9", "42{", "42[", "4é", "45", "451-[\"subscribe\",{\"_placeholder\":true,\"num\":0}]", "42[[[[[[", "44"]
    {
        let mut viewer = app.viewer().await;
        viewer.send(junk).await;
        viewer.send("3").await;
    }
    app.ledger.vote("main", 0);
    assert_eq!(bystander.scores().await["a"], 1);
    assert_eq!(harmless.scores().await["a"], 1);
}

#[tokio::test]
async fn too_large_a_message_ends_the_connection() {
    let app = spawn_app().await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    viewer.subscribe(&"x".repeat(5_000)).await;
    assert!(viewer.is_closed().await);
    let polling = PollingViewer::connect(app.addr).await;
    assert_eq!(polling.send(&format!("42[\"subscribe\",\"{}\"]", "x".repeat(5_000))).await, 413);
}

#[tokio::test]
async fn many_viewers_at_once_cost_few_reads_and_all_get_every_score() {
    let app = spawn_app().await;
    app.ledger.set_slow(50);
    let begun = std::time::Instant::now();
    let connecting = (0..200).map(|_| {
        let addr = app.addr;
        tokio::spawn(async move {
            let mut viewer = Viewer::connect(addr, "", &[]).await.unwrap();
            viewer.message().await;
            assert_eq!(viewer.scores().await["a"], 0);
            viewer
        })
    });
    let mut viewers = Vec::new();
    for viewer in connecting.collect::<Vec<_>>() {
        viewers.push(viewer.await.unwrap());
    }
    // At most one read for each 100 ms and poll, however many come.
    let most = usize::try_from(begun.elapsed().as_millis() / 100).unwrap() + 3;
    assert!(app.ledger.reads() <= most, "{} reads, at most {most} expected", app.ledger.reads());
    app.ledger.vote("main", 0);
    for viewer in &mut viewers {
        assert_eq!(viewer.scores_until(|scores| scores["a"] == 1).await.0, 0);
    }
}

#[tokio::test]
async fn pages_of_foreign_origins_are_refused_and_ours_are_not() {
    let app = spawn_app().await;
    let own = format!("http://{}", app.addr);
    for good in [own.as_str(), "https://vote.example.org", "https://slides.example.com"] {
        let mut viewer = Viewer::connect(app.addr, "", &[("origin", good)]).await.unwrap();
        assert_eq!(viewer.message().await, "Welcome!", "{good}");
        let polling = app.http.get(app.url("/socket.io/?EIO=4&transport=polling")).header("origin", good);
        let answer = polling.send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], good);
        let tally = app.http.get(app.url("/api/polls/main/tally")).header("origin", good).send().await.unwrap();
        assert_eq!(tally.headers()["access-control-allow-origin"], good);
    }
    for bad in ["https://evil.example", "null", "https://vote.example.org.evil.example"] {
        assert!(Viewer::open(app.addr, "", &[("origin", bad)]).await.is_err(), "{bad}");
        let polling = app.http.get(app.url("/socket.io/?EIO=4&transport=polling")).header("origin", bad);
        let answer = polling.send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "origin-not-allowed");
        let tally = app.http.get(app.url("/api/polls/main/tally")).header("origin", bad).send().await.unwrap();
        assert_eq!(tally.headers().get("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn viewers_beyond_the_limit_are_refused_until_others_leave() {
    let app = spawn_app_with(Config { max_viewers: 2, ..config() }).await;
    let mut first = app.viewer().await;
    first.message().await;
    let _second = PollingViewer::connect(app.addr).await;
    assert!(Viewer::open(app.addr, "", &[]).await.is_err());
    let answer = app.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"10".parse().unwrap()));
    drop(first);
    wait::until_true("the place to become free", async || Viewer::open(app.addr, "", &[]).await.is_ok()).await;
}

#[tokio::test]
async fn a_shutdown_tells_viewers_and_ends_promptly() {
    let mut app = spawn_app().await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    // Its request may be waiting when the end comes, which must not hold it up.
    let mut polling = PollingViewer::connect(app.addr).await;
    tokio::spawn(async move { while polling.try_packet().await.is_some() {} });

    app.shutdown.cancel();
    assert!(viewer.message().await.contains("stopping"));
    assert!(viewer.is_closed().await);
    tokio::time::timeout(Duration::from_secs(5), &mut app.serving).await.expect("ends promptly").unwrap();
}

#[tokio::test]
async fn a_viewer_that_left_is_forgotten() {
    let app = spawn_app_with_timing(Duration::from_millis(10), Duration::from_millis(20)).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    // It leaves the namespace and keeps the connection, which some clients do.
    viewer.send("41").await;
    // With nobody before any poll, the beat reads nothing any more.
    let mut reads = app.ledger.reads();
    let mut quiet_since = std::time::Instant::now();
    wait::until_true("no more reads", async || {
        let now = app.ledger.reads();
        if now != reads {
            (reads, quiet_since) = (now, std::time::Instant::now());
        }
        quiet_since.elapsed() > Duration::from_millis(300)
    })
    .await;
}

#[tokio::test]
async fn a_change_between_a_read_and_the_first_viewer_is_not_missed() {
    let app = spawn_app_with_timing(Duration::from_mins(1), Duration::from_mins(10)).await;
    assert_eq!(app.json("/api/polls/main/tally").await["voters"], 0);
    app.ledger.vote("main", 0);
    // The read before is young enough to be used again, if it were not known that the poll has moved.
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores_until(|scores| scores["a"] == 1).await;
    assert_eq!(app.json("/api/polls/main/tally").await["voters"], 1);
}

#[tokio::test]
async fn a_slow_read_from_before_a_vote_does_not_undo_it() {
    // Nothing that was read is used again: each question is a read.
    let app = spawn_app_with_timing(Duration::ZERO, Duration::from_mins(10)).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores().await;
    let let_go = app.ledger.hold_next_read();
    let slow = tokio::spawn(app.http.get(app.url("/api/polls/main/tally")).send());
    wait::until_true("the slow read to begin", async || app.ledger.holds_a_read()).await;
    app.ledger.vote("main", 0);
    viewer.scores_until(|scores| scores["a"] == 1).await;
    let_go.send(()).unwrap();
    let tally: Value = slow.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(tally["votes"]["a"], 1, "the newer read stands");
}

#[tokio::test]
async fn the_service_ends_if_screens_can_not_be_updated() {
    let mut app = spawn_app().await;
    app.ledger.break_apart();
    let ended = tokio::time::timeout(support::DEADLINE, &mut app.serving).await.expect("it ends");
    assert!(ended.unwrap_err().is_panic(), "and not as if all were well");
}
