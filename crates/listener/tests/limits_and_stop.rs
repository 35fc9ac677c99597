//! The server's limits, over real connections.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use scrutin_listener::{Connections, Limits, PeerAddress, TrustedProxies, bind, serve};
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
/// Soon, for a limit that is tried.
const SOON: Duration = Duration::from_millis(100);
/// A piece of an endless answer, in bytes.
const CHUNK: usize = 16 * 1024;

struct Server {
    addr: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    /// Lets the slow handler answer.
    go_on: Arc<Notify>,
    /// Told when the slow handler has begun.
    begun: Arc<Notify>,
    /// How many bytes of its endless answers the server has given away.
    sent: Arc<AtomicUsize>,
}

async fn start(limits: Limits) -> Server {
    start_behind(limits, TrustedProxies::default()).await
}

async fn start_behind(limits: Limits, trusted: TrustedProxies) -> Server {
    let (go_on, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait_for, tell) = (Arc::clone(&go_on), Arc::clone(&begun));
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let endless = move || async move {
        let chunk = move |()| {
            counted.fetch_add(CHUNK, Ordering::Relaxed);
            async { Some((Ok::<_, Infallible>(Bytes::from_static(&[0; CHUNK])), ())) }
        };
        Body::from_stream(futures_util::stream::unfold((), chunk))
    };
    let slow = move || async move {
        tell.notify_one();
        wait_for.notified().await;
        "done"
    };
    let router = Router::new()
        .route("/", get(|Extension(PeerAddress(peer)): Extension<PeerAddress>| async move { peer.to_string() }))
        .route("/slow", get(slow))
        .route("/endless", get(endless))
        .route("/echo", post(|body: Bytes| async move { body }));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let connections = Connections::new(limits, trusted);
    let served = tokio::spawn(async move { serve(listener, router, &connections, stop).await.unwrap() });
    Server { addr, shutdown, served, go_on, begun, sent }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Waits until nobody listens there. It does not connect: the server stops when no more connections arrive.
    async fn accepts_no_more(&self) {
        let is_free = async || std::net::TcpListener::bind(self.addr).is_ok();
        wait::until_true("new connections to be refused", is_free).await;
    }

    async fn get(&self, path: &str) -> reqwest::Result<String> {
        reqwest::get(format!("http://{}{path}", self.addr)).await?.text().await
    }
}

fn limits() -> Limits {
    Limits { connections: 100, head: NEVER, keep_alive: NEVER, stall: NEVER, drain: NEVER }
}

/// Asks on this connection, and reads the answer.
async fn ask(stream: &mut TcpStream) {
    let own = stream.local_addr().unwrap().to_string();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut said = String::new();
    while !said.ends_with(&own) {
        let mut part = [0; 1_024];
        let read = tokio::time::timeout(wait::DEADLINE, stream.read(&mut part)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "closed after {said:?}");
        said.push_str(str::from_utf8(&part[..read]).unwrap());
    }
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
async fn an_unfinished_head_is_cut_off_and_an_idle_connection_is_not() {
    let server = start(Limits { head: SOON, ..limits() }).await;
    let (mut slow, mut idle, mut kept) = (server.connect().await, server.connect().await, server.connect().await);
    ask(&mut kept).await;
    kept.write_all(b"G").await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    closed(&mut slow).await;
    closed(&mut kept).await;
    ask(&mut idle).await;
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_does_not_get_more_time() {
    let server = start(Limits { head: 5 * SOON, ..limits() }).await;
    let mut slow = server.connect().await;
    let drip = async {
        while slow.write_all(b"a").await.is_ok() {
            // Not a wait for a condition: the client is that slow.
            tokio::time::sleep(SOON / 4).await;
        }
    };
    tokio::time::timeout(wait::DEADLINE, drip).await.expect("it is cut off");
}

#[tokio::test]
async fn a_connection_idle_beyond_keep_alive_is_cut_off() {
    let server = start(Limits { keep_alive: SOON, ..limits() }).await;
    let (mut silent, mut kept) = (server.connect().await, server.connect().await);
    ask(&mut kept).await;
    closed(&mut silent).await;
    closed(&mut kept).await;
    assert!(server.get("/").await.is_ok(), "others are served");
}

#[tokio::test]
async fn a_head_of_more_than_32_kib_is_refused() {
    let server = start(limits()).await;
    for (bytes, status) in [(31 * 1024, "200"), (400 * 1024, "431")] {
        let mut stream = server.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n", "a".repeat(bytes));
        // The server may close the connection in the middle of it.
        stream.write_all(head.as_bytes()).await.ok();
        let mut said = Vec::new();
        tokio::time::timeout(wait::DEADLINE, stream.read_to_end(&mut said)).await.expect("an end").ok();
        let said = String::from_utf8_lossy(&said);
        // Where bytes were on their way when it closed, the answer may be lost with them.
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")) || (status == "431" && said.is_empty()), "{said}");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_costs_little() {
    let server = start(Limits { stall: 5 * SOON, ..limits() }).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut deaf = socket.connect(server.addr).await.unwrap();
    deaf.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    wait::until_true("the connection to be reset", || async {
        deaf.take_error().unwrap().is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    })
    .await;
    let sent = server.sent.load(Ordering::Relaxed);
    assert!(sent < 512 * 1024, "{sent} bytes wait for it");
}

#[tokio::test]
async fn a_client_that_keeps_reading_is_not_cut_off() {
    let server = start(Limits { stall: 5 * SOON, ..limits() }).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut part = vec![0; 256 * 1024];
    for _ in 0..20 {
        // Not a wait for a condition: the client is that slow.
        tokio::time::sleep(SOON / 2).await;
        slow.read_exact(&mut part).await.unwrap();
    }
}

#[tokio::test]
async fn at_the_limit_idle_connections_make_room() {
    let server = start(Limits { connections: 4, ..limits() }).await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(server.connect().await);
    }
    for _ in 0..8 {
        assert!(server.get("/").await.is_ok(), "from the same address");
    }
    closed(&mut idle[0]).await;
}

#[tokio::test]
async fn stalled_bodies_make_room_and_clients_that_wait_stay() {
    let server = start(Limits { connections: 4, ..limits() }).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut one = server.connect().await;
        one.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na").await.unwrap();
        slow.push(one);
    }
    assert!(server.get("/").await.is_ok());
    server.go_on.notify_one();
    assert!(closed(&mut waiting).await.ends_with("done"));
}

#[tokio::test]
async fn a_stalled_body_is_given_up() {
    let server = start(Limits { stall: SOON, ..limits() }).await;
    let mut slow = server.connect().await;
    slow.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na").await.unwrap();
    assert!(closed(&mut slow).await.starts_with("HTTP/1.1 400"));
    let mut whole = server.connect().await;
    whole
        .write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone")
        .await
        .unwrap();
    assert!(closed(&mut whole).await.ends_with("done"));
}

#[tokio::test]
async fn without_idle_connections_the_next_waits_for_a_permit() {
    let server = start(Limits { connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let mut second = server.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(2 * SOON, second.read_u8()).await;
    assert!(early.is_err(), "no place is free yet");
    server.go_on.notify_one();
    assert!(closed(&mut first).await.ends_with("done"));
    assert!(closed(&mut second).await.contains("TTP/1.1 200"), "its turn has come");
}

#[tokio::test]
async fn the_connections_of_a_trusted_proxy_are_not_cut() {
    let trusted = TrustedProxies { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], trusted_hops: 1 };
    let server = start_behind(Limits { connections: 1, ..limits() }, trusted).await;
    let mut kept = server.connect().await;
    ask(&mut kept).await;
    let mut next = server.connect().await;
    next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(tokio::time::timeout(4 * SOON, next.read_u8()).await.is_err(), "it waits");
    ask(&mut kept).await;
    drop(kept);
    assert!(closed(&mut next).await.contains("TTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_finishes_requests_in_flight_and_accepts_no_new_ones() {
    let server = start(limits()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let mut in_flight = server.connect().await;
    in_flight.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;

    server.shutdown.cancel();
    closed(&mut idle).await;
    server.accepts_no_more().await;
    assert!(!server.served.is_finished(), "a request is still in flight");
    server.go_on.notify_one();
    assert!(closed(&mut in_flight).await.ends_with("done"));
    server.served.await.unwrap();
}

#[tokio::test]
async fn a_stop_cuts_off_requests_that_do_not_finish_in_time() {
    let server = start(Limits { drain: SOON, ..limits() }).await;
    let mut in_flight = server.connect().await;
    in_flight.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.cancel();
    tokio::time::timeout(wait::DEADLINE, server.served).await.expect("the server stops").unwrap();
}

#[tokio::test]
async fn a_connection_that_waits_for_a_permit_is_answered_at_a_stop() {
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
async fn a_kept_connection_gets_one_more_answer_that_says_close() {
    let server = start(limits()).await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    kept.read_u8().await.unwrap();
    server.shutdown.cancel();
    server.accepts_no_more().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let said = closed(&mut kept).await;
    assert_eq!(said.matches("TTP/1.1 200 OK").count(), 2, "{said}");
    assert_eq!(said.matches("connection: close").count(), 1, "the last one says so: {said}");
    server.served.await.unwrap();
}

/// Asks on one new connection after the other, until the server is about to stop. An error if one was cut.
async fn come_and_go(
    addr: SocketAddr,
    answered: Arc<AtomicUsize>,
    about_to_stop: Arc<AtomicBool>,
) -> Result<(), String> {
    while !about_to_stop.load(Ordering::SeqCst) {
        let mut stream = TcpStream::connect(addr).await.map_err(|error| error.to_string())?;
        let mut said = String::new();
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let read = stream.read_to_string(&mut said).await;
        if asked.is_err() || read.is_err() || !said.starts_with("HTTP/1.1 200") {
            return Err(format!("{asked:?}, {read:?}, {said:?}"));
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends requests on one connection until the server announces that it closes it. An error if it closes unannounced.
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
async fn a_stop_under_load_cuts_no_kept_connection() {
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
async fn a_stop_under_load_cuts_no_connection_that_was_there_before_it() {
    for _ in 0..ROUNDS {
        let server = start(limits()).await;
        let (answered, about_to_stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let come_and_go = || tokio::spawn(come_and_go(server.addr, Arc::clone(&answered), Arc::clone(&about_to_stop)));
        let clients: Vec<_> = (0..32).map(|_| come_and_go()).collect();
        wait::until_true("a crowd to be served", || async { answered.load(Ordering::Relaxed) >= 100 }).await;
        about_to_stop.store(true, Ordering::SeqCst);
        server.shutdown.cancel();
        for client in clients {
            client.await.unwrap().unwrap();
        }
        server.served.await.unwrap();
    }
}

#[tokio::test]
async fn idle_new_connection_gets_one_answer_after_shutdown() {
    let server = start(limits()).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    // Connections are taken in order, so the first one is taken as well.
    server.get("/").await.unwrap();
    server.shutdown.cancel();
    server.accepts_no_more().await;
    silent.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let own = silent.local_addr().unwrap().to_string();
    assert!(closed(&mut silent).await.ends_with(&own), "answered, and then closed");
    assert_eq!(closed(&mut idle).await, "", "an idle client is not waited for");
    server.served.await.unwrap();
}
