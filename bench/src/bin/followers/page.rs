//! One page that follows, as `vote/static/event.js` and `vote.js` do.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc::UnboundedSender},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// When a page that turned out to be old is fetched again.
const SOON: Duration = Duration::from_millis(300);

/// Where the services are, as host:port.
pub(crate) struct FollowedHosts {
    pub(crate) vote: String,
    pub(crate) result: String,
    pub(crate) event: String,
}

/// What happened to a page.
pub(crate) enum PageNews {
    /// It is told where the event is.
    Connected,
    /// It shows this poll, which takes ballots.
    Opened(String),
    /// It is of no use any more.
    Failed(anyhow::Error),
}

/// What a page shows: the poll that is on, and the key of its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    poll: String,
    key: String,
    /// The versions of event and poll, for the address.
    at: String,
}

/// See the head of this file.
pub(crate) struct FollowingPage {
    hosts: Arc<FollowedHosts>,
    tell: UnboundedSender<(PageNews, Instant)>,
    shown: Shown,
    /// What it heard of and does not show, and when it fetches it.
    wanted: Option<(Shown, Instant)>,
}

impl FollowingPage {
    pub(crate) fn new(hosts: Arc<FollowedHosts>, tell: UnboundedSender<(PageNews, Instant)>) -> Self {
        Self { hosts, tell, shown: Shown::default(), wanted: None }
    }

    /// Follows until something fails.
    pub(crate) async fn follow(mut self, connecting: Arc<Semaphore>) {
        if let Err(error) = self.try_follow(&connecting).await {
            self.tell(PageNews::Failed(error));
        }
    }

    async fn try_follow(&mut self, connecting: &Semaphore) -> anyhow::Result<()> {
        let (mut socket, mut requests) = {
            let _turn = connecting.acquire().await?;
            (self.socket().await?, self.connection().await?)
        };
        self.tell(PageNews::Connected);
        loop {
            let due = self.wanted.as_ref().map_or_else(|| Instant::now() + Duration::from_hours(1), |(_, at)| *at);
            tokio::select! {
                said = socket.next() => self.hear(&mut socket, said.context("the socket ended")??).await?,
                () = sleep_until(due) => self.fetch(&mut requests).await?,
            }
        }
    }

    fn tell(&self, news: PageNews) {
        self.tell.send((news, Instant::now())).ok();
    }

    async fn socket(&mut self) -> anyhow::Result<Socket> {
        let FollowedHosts { result, event, .. } = &*self.hosts;
        let address = format!("ws://{result}/socket.io/?EIO=4&transport=websocket&event={event}");
        let (mut socket, _) = connect_async(address).await?;
        socket.send(Message::text("40")).await?;
        // What is on when it comes is on the page already.
        while self.wanted.is_none() {
            let said = socket.next().await.context("the socket ended")??;
            self.hear(&mut socket, said).await?;
        }
        self.shown = self.wanted.take().map(|(heard, _)| heard).unwrap_or_default();
        Ok(socket)
    }

    async fn connection(&self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let (requests, connection) = handshake(TokioIo::new(TcpStream::connect(&self.hosts.vote).await?)).await?;
        tokio::spawn(connection);
        Ok(requests)
    }

    async fn hear(&mut self, socket: &mut Socket, said: Message) -> anyhow::Result<()> {
        let Message::Text(text) = said else { return Ok(()) };
        if text.as_str() == "2" {
            socket.send(Message::text("3")).await?;
        } else if let Some(packet) = text.strip_prefix("42") {
            let (name, said): (String, Value) = serde_json::from_str(packet)?;
            if name == "event" {
                self.note(&serde_json::from_str(said.as_str().context("a JSON string")?)?);
            }
        }
        Ok(())
    }

    fn note(&mut self, now: &Value) {
        let text = |key: &str| now[key].as_str().unwrap_or_default().to_owned();
        let version = |key: &str| now[key].as_u64().unwrap_or_default();
        let at = format!("{}.{}", version("version"), version("poll_version"));
        let heard = match text("on") {
            none if none.is_empty() => Shown { key: format!("event {}", version("version")), poll: none, at },
            poll => Shown { key: text("page_key"), poll, at },
        };
        let spread = Duration::from_millis(version("spread_ms")).mul_f64(fastrand::f64());
        let is_new = (&heard.poll, &heard.key) != (&self.shown.poll, &self.shown.key);
        self.wanted = is_new.then(|| (heard, Instant::now() + spread));
    }

    async fn fetch(&mut self, requests: &mut SendRequest<Empty<Bytes>>) -> anyhow::Result<()> {
        let Some((wanted, _)) = self.wanted.take() else { return Ok(()) };
        let FollowedHosts { vote, event, .. } = &*self.hosts;
        let request = Request::get(format!("/e/{event}?at={}", wanted.at)).header("host", vote);
        requests.ready().await?;
        let answer = requests.send_request(request.header("accept", "text/html").body(Empty::new())?).await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        let page = answer.into_body().collect().await?.to_bytes();
        let page = str::from_utf8(&page)?;
        let has = |name: &str, value: &str| page.contains(&format!("{name}=\"{value}\""));
        if !has("data-page-key", &wanted.key) || !wanted.poll.is_empty() && !has("data-poll", &wanted.poll) {
            self.wanted = Some((wanted, Instant::now() + SOON.mul_f64(fastrand::f64())));
            return Ok(());
        }
        if wanted.key.starts_with("open ") {
            self.tell(PageNews::Opened(wanted.poll.clone()));
        }
        self.shown = wanted;
        Ok(())
    }
}
