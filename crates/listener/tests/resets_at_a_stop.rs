//! Measures how many requests are cut when a server stops under load. The figures are at the head of `closing.rs`.
//!
//! 32 clients open a connection for each request, and post, since a proxy must not send a post twice. Each test takes
//! about ten minutes: `cargo test -p scrutin-listener --test resets_at_a_stop -- --ignored --nocapture`. The second
//! needs nginx.

#![expect(clippy::unwrap_used, reason = "all of it is test code, also where clippy does not see that")]
#![expect(clippy::print_stdout, reason = "prints figures")]

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Bytes, routing::post};
use scrutin_listener::{Connections, Limits, TrustedProxies, bind, serve};
use testkit::wait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

const STOPS: usize = 300;
const CLIENTS: usize = 32;
const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nping";

struct Server {
    addr: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

async fn start(addr: SocketAddr) -> Server {
    let listener = bind(addr).await.unwrap();
    let (addr, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let router = Router::new().route("/", post(|body: Bytes| async move { body }));
    let connections = Connections::new(Limits::default(), TrustedProxies::default());
    let stop = shutdown.clone();
    let served = tokio::spawn(async move { serve(listener, router, &connections, stop).await.unwrap() });
    Server { addr, shutdown, served }
}

/// What became of the requests.
#[derive(Default)]
struct Requests {
    answered: AtomicUsize,
    /// There was no connection, so nothing was sent.
    not_connected: AtomicUsize,
    /// They were sent, and the connection broke.
    cut: AtomicUsize,
    /// A proxy answered for the server: 502 or 504.
    failed_by_proxy: AtomicUsize,
}

impl Requests {
    /// One request on a connection of its own.
    async fn send(&self, addr: SocketAddr) {
        let counter = match TcpStream::connect(addr).await {
            Err(_) => &self.not_connected,
            Ok(mut stream) => {
                let mut answer = String::new();
                let sent = stream.write_all(REQUEST).await;
                let read = stream.read_to_string(&mut answer).await;
                match answer.get(..12) {
                    Some("HTTP/1.1 200") if sent.is_ok() && read.is_ok() => &self.answered,
                    Some("HTTP/1.1 502" | "HTTP/1.1 504") => &self.failed_by_proxy,
                    _ => &self.cut,
                }
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn print(&self, what: &str) {
        let [answered, not_connected, cut, failed] =
            [&self.answered, &self.not_connected, &self.cut, &self.failed_by_proxy]
                .map(|counter| counter.load(Ordering::Relaxed));
        println!(
            "{what}: {STOPS} stops, {answered} answered, {not_connected} not connected, {cut} cut, {failed} failed by \
             the proxy"
        );
    }
}

/// Clients at `addr`, until the flag is set.
fn clients(addr: SocketAddr, requests: &Arc<Requests>, enough: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let client = || {
        let (requests, enough) = (Arc::clone(requests), Arc::clone(enough));
        tokio::spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                requests.send(addr).await;
            }
        })
    };
    (0..CLIENTS).map(|_| client()).collect()
}

/// Waits until 200 more requests were answered.
async fn served(requests: &Requests) {
    let before = requests.answered.load(Ordering::Relaxed);
    let more = || async { requests.answered.load(Ordering::Relaxed) >= before + 200 };
    wait::until_true("200 requests to be answered", more).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn resets_without_a_proxy() {
    let requests = Arc::default();
    for _ in 0..STOPS {
        let server = start("127.0.0.1:0".parse().unwrap()).await;
        let enough = Arc::default();
        let clients = clients(server.addr, &requests, &enough);
        served(&requests).await;
        server.shutdown.cancel();
        server.served.await.unwrap();
        enough.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
    }
    requests.print("without a proxy");
}

/// nginx before two servers, with the settings of `proxy/nginx.conf` that matter: a connection for each request, and
/// the next server where one can't be reached.
fn nginx(folder: &Path, addr: SocketAddr, servers: [SocketAddr; 2]) -> Child {
    let [first, second] = servers;
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.map(|name| format!("{name}_temp_path {};\n", folder.join(name).display())).concat();
    let text = format!(
        "daemon off; pid {}; error_log /dev/null; worker_processes 2; events {{ worker_connections 4096; }}\n\
         http {{ access_log off; {paths} upstream servers {{\n\
         server {first} max_fails=0; server {second} max_fails=0; }}\n\
         server {{ listen {addr}; location / {{ proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_connect_timeout 2s; proxy_pass http://servers; }} }} }}\n",
        folder.join("pid").display()
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-e").arg("/dev/null").arg("-p").arg(folder).arg("-c").arg(file);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn resets_behind_nginx() {
    let folder = tempfile::tempdir().unwrap();
    let addr = testkit::address::free();
    let stays = start("127.0.0.1:0".parse().unwrap()).await;
    let mut stops = start("127.0.0.1:0".parse().unwrap()).await;
    let mut proxy = nginx(folder.path(), addr, [stays.addr, stops.addr]);
    wait::until_true("nginx to listen", || async { TcpStream::connect(addr).await.is_ok() }).await;
    let (requests, enough) = (Arc::default(), Arc::default());
    let clients = clients(addr, &requests, &enough);
    for _ in 0..STOPS {
        served(&requests).await;
        stops.shutdown.cancel();
        stops.served.await.unwrap();
        stops = start(stops.addr).await;
    }
    enough.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    // Not `proxy.kill()`, which would leave its workers behind.
    Command::new("kill").arg(proxy.id().to_string()).status().unwrap();
    proxy.wait().unwrap();
    requests.print("behind nginx");
}
