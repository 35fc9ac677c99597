//! One viewer's screen: the part of a Socket.IO client over WebSocket that a viewer needs.
//!
//! | packet | means |
//! |---|---|
//! | `0{…}` | the server's greeting; we answer `40` to join |
//! | `40{…}` | joined; we subscribe to the poll |
//! | `2` | ping; we answer `3` |
//! | `42["scores","{…}"]` | scores, as JSON in a string |

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

use crate::{
    address::{Address, Stream},
    host::PollTally,
    measurements::Measurements,
    voter::LogPosition,
};

/// The endpoint of a WebSocket.
const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
const PING: &str = "2";
const PONG: &str = "3";
const SCORES: &str = r#"42["scores","#;
/// How long it may take to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// Without any packet for so long the connection is dead: the server beats every 10 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// The shortest and the longest wait before connecting again, in milliseconds.
const RECONNECT_MS: std::ops::Range<u64> = 200..1_500;
/// How many screens connect at the same time, so that ten thousand don't overflow the server's queue of new ones.
const CONNECTING_AT_ONCE: usize = 64;
/// How many other packets may come before an expected one.
const MAX_PACKETS_BEFORE: usize = 8;
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Small: there are thousands of screens, and a frame is a few hundred bytes.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// What one screen shows.
#[derive(Default)]
pub(crate) struct Screen {
    /// The last two frames with scores, the newer first: the last may only repeat what was known, as the server's beat
    /// does.
    frames: Mutex<[Option<Frame>; 2]>,
    position: Option<watch::Sender<LogPosition>>,
}

/// A frame with scores.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) text: Utf8Bytes,
    /// When it came.
    at: Instant,
}

/// What all screens need.
pub(crate) struct Watching {
    pub(crate) addresses: Vec<Address>,
    pub(crate) poll: String,
    pub(crate) connecting: Semaphore,
    pub(crate) closed: CancellationToken,
}

impl Watching {
    pub(crate) fn new(addresses: Vec<Address>, poll: &str) -> Self {
        let connecting = Semaphore::new(CONNECTING_AT_ONCE);
        Self { addresses, poll: poll.to_owned(), connecting, closed: CancellationToken::new() }
    }
}

impl Screen {
    /// A screen that reports the log position up to which its scores are counted.
    pub(crate) fn telling_position() -> (Self, watch::Receiver<LogPosition>) {
        let (tell, told) = watch::channel(LogPosition::default());
        (Self { frames: Mutex::default(), position: Some(tell) }, told)
    }

    /// The last frame with scores.
    pub(crate) fn frame(&self) -> Option<Utf8Bytes> {
        let [last, _] = self.frames();
        Some(last?.text)
    }

    /// Since when its frame satisfies `good`; `None` if it does not.
    pub(crate) fn shows_since(&self, mut good: impl FnMut(&Frame) -> bool) -> Option<Instant> {
        let frames = self.frames();
        let first = frames.iter().map_while(|frame| frame.as_ref().filter(|frame| good(frame))).last();
        first.map(|frame| frame.at)
    }

    fn frames(&self) -> [Option<Frame>; 2] {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows scores until the run ends. Reconnects when the connection is lost.
    pub(crate) async fn watch(&self, number: usize, watching: &Watching, figures: &Measurements) {
        let mut random = fastrand::Rng::new();
        // The next server is tried after a loss: the first may be gone.
        for attempt in number.. {
            let address = &watching.addresses[attempt % watching.addresses.len()];
            tokio::select! {
                () = self.connection(address, watching, figures) => figures.lost_screens.fetch_add(1, Relaxed),
                () = watching.closed.cancelled() => return,
            };
            sleep(Duration::from_millis(random.u64(RECONNECT_MS))).await;
        }
    }

    /// One connection, until it is lost.
    async fn connection(&self, address: &Address, watching: &Watching, figures: &Measurements) {
        let socket = {
            let _turn = watching.connecting.acquire().await.expect("the semaphore is never closed");
            timeout(CONNECT_LIMIT, open(address, &watching.poll)).await
        };
        let Ok(Some(mut socket)) = socket else { return };
        let _here = Here::new(figures);
        while let Ok(Some(Ok(message))) = timeout(SILENCE_LIMIT, socket.next()).await {
            let Message::Text(text) = message else { continue };
            if text.as_str() == PING {
                if socket.send(Message::text(PONG)).await.is_err() {
                    return;
                }
            } else if text.starts_with(SCORES) {
                figures.frames.fetch_add(1, Relaxed);
                self.show(text, &watching.poll);
            }
        }
    }

    fn show(&self, frame: Utf8Bytes, poll: &str) {
        if let Some(tell) = &self.position {
            let scores = scores(&frame).filter(|scores| scores["poll"] == poll);
            let position = scores.and_then(|scores| LogPosition::parse(scores["position"].as_str()?));
            if let Some(position) = position {
                tell.send_replace(position);
            }
        }
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames[1] = frames[0].replace(Frame { text: frame, at: Instant::now() });
    }
}

/// Connects, joins and subscribes; `None` if the server does not answer as expected.
async fn open(address: &Address, poll: &str) -> Option<WebSocketStream<Stream>> {
    let stream = address.connect().await.ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_BYTES));
    let (mut socket, _) = client_async_with_config(address.websocket(PATH), stream, Some(config)).await.ok()?;
    expect(&mut socket, "0").await?;
    socket.send(Message::text("40")).await.ok()?;
    expect(&mut socket, "40").await?;
    let subscribe = serde_json::json!(["subscribe", { "channel": poll }]);
    socket.send(Message::text(format!("42{subscribe}"))).await.ok()?;
    Some(socket)
}

/// Waits for a packet. A ping or a broadcast may come first.
async fn expect(socket: &mut WebSocketStream<Stream>, prefix: &str) -> Option<()> {
    for _ in 0..MAX_PACKETS_BEFORE {
        match socket.next().await? {
            Ok(Message::Text(text)) if text.starts_with(prefix) => return Some(()),
            Ok(Message::Text(text)) if text.as_str() == PING => socket.send(Message::text(PONG)).await.ok()?,
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The scores in a frame `42["scores","{…}"]`.
fn scores(frame: &str) -> Option<Value> {
    let (_, scores): (String, String) = serde_json::from_str(frame.strip_prefix("42")?).ok()?;
    serde_json::from_str(&scores).ok()
}

/// The tally that a frame shows, if it is of this poll.
pub(crate) fn tally(frame: &str, poll: &str) -> Option<PollTally> {
    PollTally::of_scores(&scores(frame).filter(|scores| scores["poll"] == poll)?)
}

/// Counts a screen while it is connected.
struct Here<'a>(&'a Measurements);

impl<'a> Here<'a> {
    fn new(figures: &'a Measurements) -> Self {
        figures.connected.fetch_add(1, Relaxed);
        Self(figures)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Relaxed);
    }
}

/// Starts a screen in the background.
pub(crate) fn spawn(
    screen: Screen,
    number: usize,
    watching: &Arc<Watching>,
    voting_client: &Arc<crate::voting_client::VotingClient>,
) -> Arc<Screen> {
    let screen = Arc::new(screen);
    let (watched, watching, voting_client) = (Arc::clone(&screen), Arc::clone(watching), Arc::clone(voting_client));
    tokio::spawn(async move { watched.watch(number, &watching, &voting_client.measurements).await });
    screen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_poll_is_not_taken_for_this_one() {
        let frame = r#"42["scores","{\"a\":1,\"b\":2,\"voters\":3,\"counted\":3,\"round\":1,\"poll\":\"main\"}"]"#;
        assert_eq!(tally(frame, "main").unwrap().votes, [1, 2]);
        assert_eq!(tally(frame, "other"), None);
        assert_eq!(tally(r#"42["scores",{}]"#, "main"), None);
    }

    #[test]
    fn a_frame_that_only_repeats_the_scores_does_not_make_a_screen_late() {
        let screen = Screen::default();
        let good = |frame: &Frame| frame.text.as_str() == "good";
        assert_eq!(screen.shows_since(good), None);
        screen.show("bad".into(), "main");
        assert_eq!(screen.shows_since(good), None);
        screen.show("good".into(), "main");
        let since = screen.shows_since(good);
        assert!(since.is_some());
        screen.show("good".into(), "main");
        assert_eq!(screen.shows_since(good), since);
        screen.show("bad".into(), "main");
        assert_eq!(screen.shows_since(good), None);
    }
}
