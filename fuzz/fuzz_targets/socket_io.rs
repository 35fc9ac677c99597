//! What a viewer sends over Socket.IO, to the endpoint itself. Over polling: a session is opened over HTTP and the
//! input posted to it, as packets between `\x1e` (Engine.IO 4). Over WebSocket: each of these parts is a frame, its
//! first byte the frame's own first byte (kind and flags). Whatever it is, the next viewer is welcomed.

#![no_main]

use std::{cell::RefCell, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use domain::{
    Audit, CurrentBallot, Event, EventId, Heartbeat, Inclusion, Movement, Partition, Partitions, Poll, PollId, PollSpec,
    Position, Receipt, VoteCounts,
};
use domain::{Scoreboard, Secret, TallyShare, Unavailable, VoterId};
use domain::{
    Digest, HeldLeaf, HeldTree, InstallationId, PublishedBallots, TermsInForce, TileNumber, TreeEdge, TreeKey,
    TreeReader,
};
use hyper::server::conn::http1::Builder;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use libfuzzer_sys::fuzz_target;
use result::{Config, Timing};
use web::counterpart::Counterpart;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The way into a WebSocket.
const UPGRADE: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// One poll, and nothing happens.
struct OnePoll;

#[async_trait::async_trait]
impl TreeReader for OnePoll {
    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        Ok(None)
    }
    async fn trees(&self, _: PollId) -> Result<Vec<HeldTree>, Unavailable> {
        Ok(Vec::new())
    }
    async fn tile(&self, _: TreeKey, _: TileNumber) -> Result<Option<Vec<Digest>>, Unavailable> {
        Ok(None)
    }
    async fn edge(&self, _: TreeKey) -> Result<Option<TreeEdge>, Unavailable> {
        Ok(None)
    }
    async fn leaf(&self, _: Partition, _: PollId, _: &Receipt) -> Result<Option<HeldLeaf>, Unavailable> {
        Ok(None)
    }
    async fn terms(&self, _: TreeKey) -> Result<Vec<TermsInForce>, Unavailable> {
        Ok(Vec::new())
    }
    async fn published(&self, _: TreeKey) -> Result<PublishedBallots, Unavailable> {
        Err(Unavailable::failed("reading ballots", "this ledger has no trees"))
    }
}

#[async_trait::async_trait]
impl Scoreboard for OnePoll {
    async fn shares(&self, polls: &[PollId]) -> Result<Vec<TallyShare>, Unavailable> {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).expect("a poll");
        let figures = VoteCounts { votes: vec![1, 2], voters: 3, ballots: 3 };
        let share = TallyShare {
            partition: Partition::new(0),
            partitions: Partitions::ONE,
            poll,
            round: 1,
            figures,
            position: Position::ZERO,
            heartbeat: Heartbeat::default(),
        };
        Ok(polls.iter().filter(|id| **id == PollId::MAIN).map(|_| share.clone()).collect())
    }
    async fn partitions(&self) -> Result<Partitions, Unavailable> {
        Ok(Partitions::ONE)
    }
    async fn listed(&self) -> Result<Vec<PollId>, Unavailable> {
        Ok(Vec::new())
    }
    async fn event(&self, _: EventId) -> Result<Option<Event>, Unavailable> {
        Ok(None)
    }
    async fn events(&self) -> Result<Vec<Event>, Unavailable> {
        Ok(Vec::new())
    }
    async fn inclusion(&self, _: Partition, _: PollId, _: &Receipt) -> Result<Inclusion, Unavailable> {
        Ok(Inclusion::Missing)
    }
    async fn counted_at(&self, _: Partition, _: Position) -> Result<Option<u64>, Unavailable> {
        Ok(None)
    }
    async fn ballots(&self, _: PollId, _: u32, _: Option<VoterId>, _: u32) -> Result<Vec<CurrentBallot>, Unavailable> {
        Ok(Vec::new())
    }
    async fn audit(&self) -> Result<Audit, Unavailable> {
        Ok(Audit::default())
    }
    async fn moved(&self) -> Movement {
        std::future::pending().await
    }
    async fn ready(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

thread_local! {
    static SERVICE: (Runtime, RefCell<Router>) = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let config = Config {
            secret: Secret::parse("a secret for the fuzzer, of more than 32 bytes").expect("long enough"),
            organiser_token: None,
            trusted_proxies: listener::TrustedProxies::default(),
            vote: Counterpart::Port(8080),
            result_url: None,
            allowed_origins: Vec::new(),
            embed_origins: Vec::new(),
            instance: "fuzz".to_owned(),
            max_viewers: 1_000_000,
            timing: Timing::default(),
        };
        let router = runtime.block_on(async {
            result::start(config, Arc::new(OnePoll), CancellationToken::new()).router
        });
        (runtime, RefCell::new(router))
    };
}

async fn ask(router: &Router, method: &str, query: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
    let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
    let request = Request::builder().method(method).uri(uri).body(Body::from(body.to_vec())).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let status = answer.status();
    (status, to_bytes(answer.into_body(), 1 << 20).await.map(Vec::from).unwrap_or_default())
}

async fn session(router: &Router) -> String {
    let (status, open) = ask(router, "GET", "", b"").await;
    assert_eq!(status, StatusCode::OK, "a viewer is let in");
    let open = String::from_utf8(open).expect("text");
    let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session's id");
    format!("&sid={sid}")
}

/// Opens a WebSocket, sends the input as frames, and hears for a moment what comes.
async fn websocket(router: &Router, data: &[u8], connect: bool) {
    let (mut viewer, server) = tokio::io::duplex(1 << 16);
    let service = TowerToHyperService::new(router.clone());
    let serving = tokio::spawn(Builder::new().serve_connection(TokioIo::new(server), service).with_upgrades());
    viewer.write_all(UPGRADE).await.expect("the server is there");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(viewer.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "a viewer is let in");
    let mut frames = if connect { frame(b"\x8140") } else { Vec::new() };
    data.split(|&byte| byte == 0x1e).for_each(|part| frames.extend(frame(part)));
    // The server may close in the middle of it, as it may close at any time.
    let talk = async {
        let (mut hear, mut say) = tokio::io::split(viewer);
        let mut nowhere = tokio::io::sink();
        let _ = tokio::join!(say.write_all(&frames), tokio::io::copy(&mut hear, &mut nowhere));
    };
    let _ = tokio::time::timeout(Duration::from_millis(2), talk).await;
    serving.abort();
}

/// A frame of a client: its first byte, its length, and the rest under a mask of zeros.
fn frame(part: &[u8]) -> Vec<u8> {
    let Some((first, payload)) = part.split_first() else { return Vec::new() };
    let payload = &payload[..payload.len().min(0xffff)];
    let length = u16::try_from(payload.len()).expect("it was cut");
    let short = u8::try_from(length).ok().filter(|&length| length < 126);
    let mut frame = vec![*first, 0x80 | short.unwrap_or(126)];
    if short.is_none() {
        frame.extend(length.to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fuzz_target!(|data: &[u8]| {
    SERVICE.with(|(runtime, router)| {
        let router = router.borrow();
        runtime.block_on(async {
            // The input as it is, and behind a connection to the default namespace.
            for connect in [false, true] {
                let sid = session(&router).await;
                if connect {
                    assert_eq!(ask(&router, "POST", &sid, b"40").await.0, StatusCode::OK);
                }
                ask(&router, "POST", &sid, data).await;
                // Time for the handlers; what they say is not waited for.
                let _ = tokio::time::timeout(Duration::from_millis(1), ask(&router, "GET", &sid, b"")).await;
                ask(&router, "POST", &sid, b"1").await;
                websocket(&router, data, connect).await;
            }
        });
    });
});
