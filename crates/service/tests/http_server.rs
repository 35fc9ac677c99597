//! The server's limits, over real connections.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo, routing::get};
use scrutin_service::http_server::{Limits, bind, serve_within};
use testkit::wait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How often a server is stopped under load: what is looked for is a matter of microseconds.
const ROUNDS: usize = 20;
/// Longer than a test takes, where a limit is not what is tried.
const NEVER: Duration = Duration::from_hours(1);

struct Server {
    addr: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    /// Lets the slow handler answer.
    go_on: Arc<Notify>,
    /// Told when the slow handler has begun.
    begun: Arc<Notify>,
}

async fn start(limits: Limits) -> Server {
    let (go_on, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait_for, tell) = (Arc::clone(&go_on), Arc::clone(&begun));
    let slow = move || async move {
        tell.notify_one();
        wait_for.notified().await;
        "done"
    };
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
        .route("/slow", get(slow));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let served = tokio::spawn(async move { serve_within(limits, listener, router, stop).await.unwrap() });
    Server { addr, shutdown, served, go_on, begun }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Waits until new connections come in vain.
    async fn takes_nobody(&self) {
        wait::until_true("new connections to be refused", || async { let_in(self.addr).await.is_none() }).await;
    }

    async fn get(&self, path: &str) -> reqwest::Result<String> {
        reqwest::get(format!("http://{}{path}", self.addr)).await?.text().await
    }
}

/// A connection, unless it is refused or not answered.
async fn let_in(addr: SocketAddr) -> Option<TcpStream> {
    tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(addr)).await.ok()?.ok()
}

fn limits() -> Limits {
    Limits { connections: 100, head: NEVER, drain: NEVER }
}

/// Reads until the server closes the connection.
async fn closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(wait::DEADLINE, stream.read_to_end(&mut said)).await;
    read.expect("the connection is closed").ok();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn handlers_learn_the_address_of_the_client() {
    let server = start(limits()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    assert!(closed(&mut stream).await.ends_with(&own));
}

#[tokio::test]
async fn who_never_finishes_a_head_or_says_nothing_is_cut_off() {
    let server = start(Limits { head: Duration::from_millis(100), ..limits() }).await;
    let (mut slow, mut silent) = (server.connect().await, server.connect().await);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    closed(&mut slow).await;
    closed(&mut silent).await;
    assert!(server.get("/").await.is_ok(), "others are served");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_there_is_a_place() {
    let server = start(Limits { connections: 2, ..limits() }).await;
    let first = server.connect().await;
    let _second = server.connect().await;
    let mut third = server.connect().await;
    third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), third.read_u8()).await;
    assert!(early.is_err(), "no place is free yet");
    drop(first);
    assert!(closed(&mut third).await.contains("TTP/1.1 200"), "its turn has come");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_takes_nothing_new_and_closes_what_is_idle() {
    let server = start(limits()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let mut in_flight = server.connect().await;
    in_flight.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;

    server.shutdown.cancel();
    closed(&mut idle).await;
    server.takes_nobody().await;
    assert!(!server.served.is_finished(), "somebody still waits for an answer");
    server.go_on.notify_one();
    assert!(closed(&mut in_flight).await.ends_with("done"));
    server.served.await.unwrap();
}

#[tokio::test]
async fn who_does_not_finish_in_time_is_cut_off_by_a_stop() {
    let server = start(Limits { drain: Duration::from_millis(100), ..limits() }).await;
    let mut in_flight = server.connect().await;
    in_flight.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.cancel();
    tokio::time::timeout(wait::DEADLINE, server.served).await.expect("the server stops").unwrap();
}

#[tokio::test]
async fn who_waits_for_a_place_when_it_is_time_to_stop_is_still_answered() {
    let server = start(Limits { connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.shutdown.cancel();
    let own = waiting.local_addr().unwrap().to_string();
    assert!(closed(&mut waiting).await.ends_with(&own), "answered, and then closed");
    server.go_on.notify_one();
    assert!(closed(&mut first).await.ends_with("done"));
    server.served.await.unwrap();
}

#[tokio::test]
async fn who_kept_a_connection_is_answered_once_more_and_told_that_it_closes() {
    let server = start(limits()).await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    kept.read_u8().await.unwrap();
    server.shutdown.cancel();
    server.takes_nobody().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let said = closed(&mut kept).await;
    assert_eq!(said.matches("TTP/1.1 200 OK").count(), 2, "{said}");
    assert_eq!(said.matches("connection: close").count(), 1, "the last one says so: {said}");
    server.served.await.unwrap();
}

/// Asks on one new connection after the other until they are refused. An error if one was cut.
async fn come_and_go(addr: SocketAddr, answered: Arc<AtomicUsize>) -> Result<(), String> {
    loop {
        let Some(mut stream) = let_in(addr).await else { return Ok(()) };
        let mut said = String::new();
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let read = stream.read_to_string(&mut said).await;
        if asked.is_err() || read.is_err() || !said.starts_with("HTTP/1.1 200") {
            return Err(format!("{asked:?}, {read:?}, {said:?}"));
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Asks again and again on one connection until the server says that it closes it. An error if it closes without a word.
async fn ask_again_and_again(mut stream: TcpStream) -> Result<(), String> {
    let own = stream.local_addr().unwrap().to_string();
    loop {
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut said = String::new();
        while !said.ends_with(&own) {
            let mut part = [0; 1_024];
            match stream.read(&mut part).await {
                Ok(read @ 1..) => said.push_str(str::from_utf8(&part[..read]).unwrap()),
                end => return Err(format!("{asked:?}, {end:?}, {said:?}")),
            }
        }
        if said.contains("connection: close") {
            return Ok(());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_on_kept_connections_a_stop_cuts_none() {
    for _ in 0..ROUNDS {
        let server = start(limits()).await;
        let mut clients = Vec::new();
        for _ in 0..32 {
            clients.push(tokio::spawn(ask_again_and_again(server.connect().await)));
        }
        // Connections are taken in order, so all of them are.
        assert!(server.get("/").await.is_ok());
        server.shutdown.cancel();
        for client in clients {
            client.await.unwrap().unwrap();
        }
        server.served.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_new_connections_come_and_go_a_stop_cuts_none() {
    for _ in 0..ROUNDS {
        let server = start(limits()).await;
        let answered = Arc::new(AtomicUsize::new(0));
        let come_and_go = || tokio::spawn(come_and_go(server.addr, Arc::clone(&answered)));
        let clients: Vec<_> = (0..32).map(|_| come_and_go()).collect();
        wait::until_true("a crowd to be served", || async { answered.load(Ordering::Relaxed) >= 100 }).await;
        server.shutdown.cancel();
        for client in clients {
            client.await.unwrap().unwrap();
        }
        server.served.await.unwrap();
    }
}

#[tokio::test]
async fn who_was_let_in_and_has_not_asked_yet_when_it_is_time_to_stop_is_still_answered() {
    let server = start(limits()).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    // Connections are taken in order, so the first one is taken as well.
    server.get("/").await.unwrap();
    server.shutdown.cancel();
    server.takes_nobody().await;
    silent.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let own = silent.local_addr().unwrap().to_string();
    assert!(closed(&mut silent).await.ends_with(&own), "answered, and then closed");
    assert_eq!(closed(&mut idle).await, "", "who says nothing is not waited for");
    server.served.await.unwrap();
}
