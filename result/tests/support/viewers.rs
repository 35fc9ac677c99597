//! Clients that speak Engine.IO 4 and Socket.IO 5 by hand, as any client would, over WebSocket and over polling.
//! They keep every byte that they were sent.

use std::{collections::VecDeque, net::SocketAddr};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::DEADLINE;

/// A viewer over WebSocket.
pub(crate) struct Viewer {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that came, frame by frame.
    pub(crate) received: Vec<String>,
}

impl Viewer {
    /// Opens a session; an error if the server refuses the handshake.
    pub(crate) async fn open(addr: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let url = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket{query}");
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Opens a session and enters the namespace.
    pub(crate) async fn connect(addr: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let mut viewer = Self::open(addr, query, headers).await?;
        assert!(viewer.packet().await.unwrap().starts_with("0{"));
        viewer.send("40").await;
        assert!(viewer.packet().await.unwrap().starts_with("40{"));
        Ok(viewer)
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, channel: &str) {
        self.send(&format!("42{}", json!(["subscribe", {"channel": channel}]))).await;
    }

    /// The next packet that is no ping (those are answered); `None` once the connection is closed.
    pub(crate) async fn packet(&mut self) -> Option<String> {
        loop {
            let frame = timeout(DEADLINE, self.stream.next()).await.expect("a packet in time");
            let text = match frame {
                Some(Ok(Message::Text(text))) => text.to_string(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => continue,
            };
            self.received.push(text.clone());
            if text == "2" {
                // The server may be gone by now, and then the next read says so.
                self.stream.send(Message::text("3")).await.ok();
            } else {
                return Some(text);
            }
        }
    }

    /// The next event: its name and argument.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let packet = self.packet().await.expect("the connection is open");
        event(&packet)
    }

    /// The next event, which must be `message`: its text.
    pub(crate) async fn message(&mut self) -> String {
        let (name, argument) = self.event().await;
        assert_eq!(name, "message", "{argument}");
        argument["text"].as_str().unwrap().to_owned()
    }

    /// The next event, which must be `scores`: what its JSON string says.
    pub(crate) async fn scores(&mut self) -> Value {
        let (name, argument) = self.event().await;
        assert_eq!(name, "scores", "{argument}");
        scores(&argument)
    }

    /// Reads scores until one satisfies `wanted`; says how many came before it.
    pub(crate) async fn scores_until(&mut self, wanted: impl Fn(&Value) -> bool) -> (usize, Value) {
        for before in 0.. {
            let scores = self.scores().await;
            if wanted(&scores) {
                return (before, scores);
            }
        }
        unreachable!("a test does not count so far")
    }

    /// Asks to watch an event.
    pub(crate) async fn subscribe_to_event(&mut self, event: &str) {
        self.send(&format!("42{}", json!(["subscribe", {"event": event}]))).await;
    }

    /// The next event, which must be `event`: what its JSON string says.
    pub(crate) async fn now(&mut self) -> Value {
        let (name, argument) = self.event().await;
        assert_eq!(name, "event", "{argument}");
        scores(&argument)
    }

    /// Reads what comes, whatever else it is, until an `event` satisfies `wanted`.
    pub(crate) async fn now_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (name, argument) = self.event().await;
            if name == "event" && wanted(&scores(&argument)) {
                return scores(&argument);
            }
        }
    }

    /// Whether the server has closed the connection, after whatever it still sent.
    pub(crate) async fn is_closed(&mut self) -> bool {
        loop {
            match self.packet().await.as_deref() {
                None | Some("1") => return true,
                Some(_) => {}
            }
        }
    }
}

/// A viewer over long polling.
pub(crate) struct PollingViewer {
    http: reqwest::Client,
    url: String,
    waiting: VecDeque<String>,
}

impl PollingViewer {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let http = reqwest::Client::new();
        let url = format!("http://{addr}/socket.io/?EIO=4&transport=polling");
        let open = http.get(&url).send().await.unwrap().text().await.unwrap();
        let open: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet")).unwrap();
        let url = format!("{url}&sid={}", open["sid"].as_str().unwrap());
        let mut viewer = Self { http, url, waiting: VecDeque::new() };
        viewer.send("40").await;
        assert!(viewer.packet().await.starts_with("40{"));
        viewer
    }

    /// Where it polls, with its session.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn send(&self, packet: &str) -> u16 {
        let request = self.http.post(&self.url).header("content-type", "text/plain;charset=UTF-8");
        request.body(packet.to_owned()).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn packet(&mut self) -> String {
        self.try_packet().await.expect("the session lives")
    }

    /// The next packet that is no ping (those are answered); `None` once the session is over.
    pub(crate) async fn try_packet(&mut self) -> Option<String> {
        loop {
            while let Some(packet) = self.waiting.pop_front() {
                if packet != "2" {
                    return Some(packet);
                }
                self.send("3").await;
            }
            let answer = timeout(DEADLINE, self.http.get(&self.url).send()).await.expect("packets in time");
            let payload = answer.ok()?.error_for_status().ok()?.text().await.ok()?;
            self.waiting.extend(payload.split('\u{1e}').map(str::to_owned));
        }
    }

    pub(crate) async fn event(&mut self) -> (String, Value) {
        event(&self.packet().await)
    }

    pub(crate) async fn scores(&mut self) -> Value {
        let (name, argument) = self.event().await;
        assert_eq!(name, "scores", "{argument}");
        scores(&argument)
    }
}

fn event(packet: &str) -> (String, Value) {
    let event = packet.strip_prefix("42").unwrap_or_else(|| panic!("an event, not {packet}"));
    let (name, argument): (String, Value) = serde_json::from_str(event).unwrap();
    (name, argument)
}

/// The example app does `JSON.parse(json)`: the argument must be a string.
fn scores(argument: &Value) -> Value {
    serde_json::from_str(argument.as_str().expect("it is a string")).unwrap()
}
