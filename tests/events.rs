//! Events with the real programs: an evening goes through its questions, whoever presses, whoever is killed, and
//! whatever is lost or moved.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use domain::{EventId, Partitions, PollId};
use serde_json::{Value, json};
use testkit::{
    all_in_one::AllInOne,
    postgres_server::TestDatabase,
    programs::{self, ORGANISER_TOKEN, SECRET_KEY, Service, Services},
    redis_server::RedisServer,
    wait,
};

/// How often `vote` is killed at most, until it was between the two writes of a step often enough.
const ROUNDS: u64 = 120;
const HITS: u32 = 3;

async fn ask(method: &str, url: &str, body: Option<Value>) -> Option<(u16, Value)> {
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(ORGANISER_TOKEN);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// Makes an event of so many questions that wait.
async fn make(vote_url: &str, questions: usize) {
    let polls: Vec<String> = (1..=questions).map(|number| format!("q{number}")).collect();
    for poll in &polls {
        let body = json!({"id": poll, "question": format!("{poll}?"), "options": ["Yes", "No"], "state": "waiting"});
        assert_eq!(ask("POST", &format!("{vote_url}/api/polls"), Some(body)).await.unwrap().0, 201);
    }
    let body = json!({"id": "evening", "title": "An evening", "polls": polls});
    let (status, made) = ask("POST", &format!("{vote_url}/api/events"), Some(body)).await.unwrap();
    assert_eq!(status, 201, "{made}");
}

async fn event(vote_url: &str) -> Value {
    wait::until("the event", || async {
        let (status, event) = ask("GET", &format!("{vote_url}/api/events/evening"), None).await?;
        (status == 200).then_some(event)
    })
    .await
}

async fn press(vote_url: &str, way: &str, version: u64) -> Option<(u16, Value)> {
    ask("POST", &format!("{vote_url}/api/events/evening/{way}"), Some(json!({"version": version}))).await
}

fn version(event: &Value) -> u64 {
    event["version"].as_u64().unwrap()
}

/// The version of a poll, which tells how often it was changed.
async fn poll_version(redis: &RedisServer, partitions: u16, poll: &str) -> u64 {
    let home = Partitions::new(partitions).unwrap().home(PollId::parse(poll).unwrap());
    stored(redis, &format!("{{scrutin:{home}}}:polls"), poll).await["version"].as_u64().unwrap_or(1)
}

/// The event as its home has it.
async fn stored_event(redis: &RedisServer, partitions: u16) -> Value {
    let home = Partitions::new(partitions).unwrap().event_home(EventId::parse("evening").unwrap());
    stored(redis, &format!("{{scrutin:{home}}}:events"), "evening").await
}

async fn stored(redis: &RedisServer, key: &str, field: &str) -> Value {
    let mut connection = redis.connection().await;
    let json: String = redis::cmd("HGET").arg(key).arg(field).query_async(&mut connection).await.unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The event as the ledger has it, once its version is this.
async fn counted(database: &TestDatabase, version: u64) -> Value {
    let client = database.client().await;
    let select = "SELECT event::text FROM events WHERE id = 'evening'";
    wait::until("the event to be counted", || async {
        let row = client.query_opt(select, &[]).await.unwrap()?;
        let event: Value = serde_json::from_str(row.get(0)).unwrap();
        (event["version"] == version).then_some(event)
    })
    .await
}

async fn start(redis: &RedisServer, database: &TestDatabase, partitions: u16) -> Services {
    let partitions = partitions.to_string();
    Services::start_with(&redis.url(), &database.url(), &[("PARTITIONS", &partitions)]).await
}

async fn another_vote(redis: &RedisServer, partitions: u16) -> Service {
    let mut vote = programs::vote(&redis.url(), None);
    vote.program.start_again_with("PARTITIONS", &partitions.to_string());
    vote.ready().await;
    vote
}

/// Two devices at two instances press for every step at once.
async fn two_devices_press_at_once(partitions: u16) {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = start(&redis, &database, partitions).await;
    let other = another_vote(&redis, partitions).await;
    let (one, two) = (services.vote.url(), other.url());
    make(&one, 3).await;
    let mut steps = Vec::new();
    loop {
        let now = event(&one).await;
        let Some(does) = now["next"]["does"].as_str() else { break };
        steps.push(does.to_owned());
        let pressed = tokio::join!(press(&one, "next", version(&now)), press(&two, "next", version(&now)));
        assert_eq!((pressed.0.unwrap().0, pressed.1.unwrap().0), (200, 200));
    }
    assert_eq!(steps, ["open", "close", "next", "close", "next", "close", "end"]);
    for poll in ["q1", "q2", "q3"] {
        assert_eq!(poll_version(&redis, partitions, poll).await, 3, "{poll} was opened once and closed once");
    }
    let last = event(&two).await;
    assert_eq!(counted(&database, version(&last)).await["progress"], "over");
}

#[tokio::test]
async fn two_devices_that_press_at_once_take_one_step() {
    two_devices_press_at_once(1).await;
}

#[tokio::test]
async fn two_devices_that_press_at_once_take_one_step_with_three_partitions() {
    two_devices_press_at_once(3).await;
}

/// The one who presses is killed, at another moment each time; the other device presses what it had seen.
async fn the_presser_is_killed(partitions: u16) {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = start(&redis, &database, partitions).await;
    let vote_url = services.vote.url();
    make(&vote_url, 1).await;
    let mut organiser = another_vote(&redis, partitions).await;
    let mut hits = 0;
    for round in 0..ROUNDS {
        let seen = event(&vote_url).await;
        let (seen, is_open) = (version(&seen), seen["on"]["state"] == "open");
        let polls_version = poll_version(&redis, partitions, "q1").await;
        let way = if is_open || round == 0 { "next" } else { "back" };
        let url = organiser.url();
        let pressing = tokio::spawn(async move { press(&url, way, seen).await });
        tokio::time::sleep(Duration::from_micros(600 + 200 * (round % 24))).await;
        organiser.program.kill();
        pressing.await.unwrap();
        let written = version(&stored_event(&redis, partitions).await);
        let is_between = written > seen && poll_version(&redis, partitions, "q1").await == polls_version;
        hits += u32::from(is_between);

        let (status, now) = press(&vote_url, way, seen).await.unwrap();
        assert_eq!(status, 200, "round {round}: {now}");
        let wanted = if is_open { "closed" } else { "open" };
        assert_eq!(now["on"], json!({"poll": "q1", "state": wanted, "results": "live"}), "round {round}");
        assert_eq!(poll_version(&redis, partitions, "q1").await, polls_version + 1, "round {round}: changed once");
        // A write that the killed one had sent may have come after it was looked for.
        assert!([seen + 1, seen + 2].contains(&version(&now)), "round {round}: {now} after {seen}");
        if hits == HITS {
            break;
        }
        organiser.program.start_again();
        organiser.ready().await;
    }
    assert_eq!(hits, HITS, "too seldom killed between the two writes");
    let last = version(&event(&vote_url).await);
    counted(&database, last).await;
}

#[tokio::test]
async fn a_vote_killed_between_the_two_writes_of_a_step_does_no_harm() {
    the_presser_is_killed(1).await;
}

#[tokio::test]
async fn a_vote_killed_between_the_two_writes_does_no_harm_with_3_partitions() {
    the_presser_is_killed(3).await;
}

#[tokio::test]
async fn an_emptied_redis_gets_its_event_back_and_the_evening_goes_on() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = start(&redis, &database, 3).await;
    let vote_url = services.vote.url();
    make(&vote_url, 2).await;
    press(&vote_url, "next", 1).await.unwrap();
    counted(&database, 2).await;
    // The poll too, or the evening begins again with it.
    let client = database.client().await;
    wait::until_true("the open poll to be counted", || async {
        let rows = client.query("SELECT 1 FROM polls WHERE id = 'q1' AND state = 'open'", &[]).await.unwrap();
        rows.len() == 3
    })
    .await;
    let before = event(&vote_url).await;
    let mut connection = redis.connection().await;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    assert_eq!(event(&vote_url).await, before);
    let pressed = wait::until("a step to be taken again", || async {
        let (status, now) = press(&vote_url, "next", 2).await?;
        (status == 200).then_some(now)
    })
    .await;
    assert_eq!((version(&pressed), &pressed["on"]["state"]), (3, &json!("closed")));
    counted(&database, 3).await;
}

#[tokio::test]
async fn an_older_dump_gets_the_newest_event_from_the_log() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let mut services = start(&redis, &database, 1).await;
    let vote_url = services.vote.url();
    make(&vote_url, 2).await;
    counted(&database, 1).await;
    let dump = tempfile::NamedTempFile::new().unwrap();
    let dumped =
        Command::new("pg_dump").args(["--format=custom", "--file"]).arg(dump.path()).arg(database.url()).status();
    assert!(dumped.unwrap().success());
    for seen in 1..4 {
        press(&vote_url, "next", seen).await.unwrap();
    }
    let newest = counted(&database, 4).await;

    services.worker.program.kill();
    services.result.program.kill();
    let restored = TestDatabase::create().await;
    let status =
        Command::new("pg_restore").args(["--no-owner", "--dbname"]).arg(restored.url()).arg(dump.path()).status();
    assert!(status.unwrap().success());
    services.worker.program.start_again_with("DATABASE_URL", &restored.url());
    services.result.program.start_again_with("DATABASE_URL", &restored.url());
    services.ready().await;
    assert_eq!(counted(&restored, 4).await, newest);
}

fn scrutin(data: &Path, arguments: &[&Path]) -> Output {
    Command::new(programs::path("scrutin")).arg("--data-dir").arg(data).args(arguments).env_clear().output().unwrap()
}

fn worker(database: &TestDatabase, command: &str, file: &Path, further: &[(&str, &str)]) -> Output {
    let mut worker = Command::new(programs::path("worker"));
    worker.arg(command).arg(file).env_clear().env("DATABASE_URL", database.url()).envs(further.iter().copied());
    worker.output().unwrap()
}

fn succeeded(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[tokio::test]
async fn an_event_moves_with_its_polls_to_three_partitions_and_back_home() {
    let home = tempfile::tempdir().unwrap();
    let (data, file) = (home.path().join("data"), home.path().join("evening.log"));
    let settings = [("SECRET_KEY", SECRET_KEY), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
    let mut at_home = AllInOne::start_with(&data, settings).await;
    make(&at_home.vote_url(), 3).await;
    // In the all-in-one too a step that was seen once is taken once, and what was taken is there after a kill.
    let vote_url = at_home.vote_url();
    let both = tokio::join!(press(&vote_url, "next", 1), press(&vote_url, "next", 1));
    assert_eq!((both.0.unwrap().0, both.1.unwrap().0), (200, 200));
    let before = event(&vote_url).await;
    // The second may have found the step of the first unfinished.
    assert!([2, 3].contains(&version(&before)) && before["on"]["state"] == "open", "{before}");
    at_home.program.kill();
    at_home.program.start_again();
    at_home.serves().await;
    assert_eq!(event(&vote_url).await, before);
    assert!(at_home.program.terminate().await.success());
    succeeded(&scrutin(&data, &["export".as_ref(), &file]));
    assert!(fs::read_to_string(&file).unwrap().contains("{\"event\":{\"position\":"));

    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    succeeded(&worker(&database, "import", &file, &[("PARTITIONS", "3")]));
    let mut services = start(&redis, &database, 3).await;
    let vote_url = services.vote.url();
    assert_eq!(event(&vote_url).await, before);
    let (status, closed) = press(&vote_url, "next", version(&before)).await.unwrap();
    assert_eq!((status, &closed["on"]["state"]), (200, &json!("closed")));
    counted(&database, version(&closed)).await;
    let closed = event(&vote_url).await;
    let client = database.client().await;
    wait::until_true("the close to be counted everywhere", || async {
        let rows = client.query("SELECT 1 FROM polls WHERE id = 'q1' AND state = 'closed'", &[]).await.unwrap();
        rows.len() == 3
    })
    .await;
    assert!(services.worker.program.terminate().await.success());
    let (file, data) = (home.path().join("later.log"), home.path().join("later"));
    succeeded(&worker(&database, "export", &file, &[]));
    succeeded(&scrutin(&data, &["import".as_ref(), &file]));
    let at_home = AllInOne::start_with(&data, settings).await;
    assert_eq!(event(&at_home.vote_url()).await, closed);
}
