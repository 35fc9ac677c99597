//! Somebody else's Socket.IO client (python-socketio) against the real services, over both transports.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use testkit::{
    postgres_server::TestDatabase,
    programs::{self, Services},
    redis_server::RedisServer,
    wait,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

struct Client {
    process: Child,
    lines: BufReader<ChildStdout>,
    /// What it said and nobody asked for yet: its handlers run side by side, so events come in any order.
    heard: Vec<Value>,
}

impl Client {
    fn connect(url: &str, transport: &str, poll: Option<&str>) -> Self {
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/python/bin/python");
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/foreign_client.py"))
            .args([url, transport])
            .args(poll)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/install-test-tools made the Python environment");
        let lines = BufReader::new(process.stdout.take().expect("its output is piped"));
        Self { process, lines, heard: Vec::new() }
    }

    /// The data of the next event of this name.
    fn next(&mut self, event: &str) -> Value {
        if let Some(index) = self.heard.iter().position(|said| said["event"] == event) {
            return self.heard.remove(index)["data"].take();
        }
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("the client's output is text");
            assert!(read > 0, "the client ended before {event}");
            let said: Value = serde_json::from_str(&line).expect("the client prints JSON");
            if said["event"] == event {
                return said["data"].clone();
            }
            self.heard.push(said);
        }
    }

    /// The scores of the next event that fulfils the condition. They come as a JSON string.
    fn scores(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let data = self.next("scores");
            let text = data.as_str().expect("scores carry a JSON string, not an object");
            let scores = serde_json::from_str(text).expect("scores are JSON");
            if wanted(&scores) {
                return scores;
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn receives_scores_after_a_vote(transport: &str) {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let http = reqwest::Client::new();
    let lunch = json!({"id": "lunch", "question": "Lunch?", "options": ["Soup", "Salad", "Cake"]});
    let created = http
        .post(format!("{}/api/polls", services.vote.url()))
        .bearer_auth(programs::ORGANISER_TOKEN)
        .json(&lunch)
        .send()
        .await
        .expect("vote answers");
    assert_eq!(created.status(), 201);
    wait::until("the new poll to be counted", || async {
        testkit::tallies::tally(&services.result.url(), "lunch").await
    })
    .await;

    let url = services.result.url();
    let mut main = Client::connect(&url, transport, None);
    assert_eq!(main.next("connect"), transport);
    assert!(main.next("message")["text"].is_string());
    let first = main.scores(|_| true);
    assert_eq!((&first["a"], &first["b"]), (&json!(0), &json!(0)));
    let mut lunch = Client::connect(&url, transport, Some("lunch"));
    assert_eq!(lunch.scores(|scores| scores["poll"] == "lunch")["c"], 0);

    for (poll, key) in [("main", "b"), ("lunch", "c")] {
        let posted = http.post(format!("{}/p/{poll}", services.vote.url())).form(&[("vote", key)]).send().await;
        assert!(posted.expect("vote answers").status().is_success());
    }
    let scores = main.scores(|scores| scores["b"] == 1);
    assert_eq!((&scores["a"], &scores["voters"]), (&json!(0), &json!(1)));
    assert_eq!(lunch.scores(|scores| scores["c"] == 1)["poll"], "lunch");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_websocket_it_receives_scores_after_a_vote() {
    receives_scores_after_a_vote("websocket").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_polling_it_receives_scores_after_a_vote() {
    receives_scores_after_a_vote("polling").await;
}

/// A balancer that knows nothing of sessions: each connection goes to the next of the replicas. Its address.
async fn balancer(replicas: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        for replica in replicas.iter().cycle() {
            let Ok((mut near, _)) = listener.accept().await else { return };
            let address = replica.trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(address).await else { return };
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_without_sticky_sessions_serve_screens_over_websocket() {
    let (redis, database) = (RedisServer::start().await, TestDatabase::create().await);
    let services = Services::start(&redis.url(), &database.url()).await;
    let others = [programs::result(&database.url(), None), programs::result(&database.url(), None)];
    let replicas = [&services.result, &others[0], &others[1]];
    for replica in replicas {
        replica.ready().await;
    }
    let url = balancer(replicas.iter().map(|replica| replica.url()).collect()).await;
    let mut screens: Vec<Client> = (0..3).map(|_| Client::connect(&url, "websocket", None)).collect();
    for screen in &mut screens {
        screen.scores(|scores| scores["voters"] == 0);
    }
    for replica in replicas {
        let has_one = || async { (replica.metric("scrutin_result_viewers").await - 1.0).abs() < f64::EPSILON };
        wait::until_true("one screen at each replica", has_one).await;
    }
    let vote = reqwest::Client::new().post(services.vote.url()).form(&[("vote", "a")]).send().await;
    assert!(vote.is_ok_and(|answer| !answer.status().is_server_error()));
    for screen in &mut screens {
        assert_eq!(screen.scores(|scores| scores["voters"] == 1)["a"], 1);
    }
}
