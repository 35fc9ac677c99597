//! An HTTP/1.1 client for many voters, with a pool of connections.
//!
//! For each failed request it tells whether it may have reached the server. If it may have, the outcome is unknown, and
//! the client never sends it again by itself.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{sync::Semaphore, time::timeout};

use crate::address::Address;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 20;

type Connection = SendRequest<Full<Bytes>>;

/// A client of several equal servers.
pub(crate) struct HttpClient {
    servers: Vec<Server>,
    places: Semaphore,
    patience: Duration,
}

struct Server {
    address: Address,
    idle: Mutex<Vec<Connection>>,
}

/// A request.
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) cookie: Option<&'a str>,
    /// Content type and body.
    pub(crate) body: Option<(&'static str, Bytes)>,
}

/// The server's answer.
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFailure {
    /// No connection: the request was never sent.
    NotSent,
    /// No answer in time. The request may have been carried out.
    TimedOut,
    /// The connection broke, or the answer can't be read. The request may have been carried out.
    Broken,
}

impl<'a> HttpRequest<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, cookie: None, body: None }
    }

    fn request(&self, address: &Address) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{}{}", address.base, self.path))
            .header(header::HOST, &address.authority)
            .header(header::USER_AGENT, "scrutin-crowd");
        if let Some(cookie) = self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let mut bytes = Bytes::new();
        if let Some((kind, body)) = &self.body {
            request = request.header(header::CONTENT_TYPE, *kind);
            bytes = body.clone();
        }
        request.body(Full::new(bytes)).expect("paths and cookies were checked when they were read")
    }
}

impl HttpClient {
    /// A client of these servers, with at most `connections` connections, which waits `patience` for an answer.
    pub(crate) fn new(addresses: Vec<Address>, connections: usize, patience: Duration) -> Self {
        let servers = addresses.into_iter().map(|address| Server { address, idle: Mutex::default() }).collect();
        Self { servers, places: Semaphore::new(connections), patience }
    }

    /// How many servers there are.
    pub(crate) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Sends a request to one of the servers. Waits `patience` for a connection and again for the answer.
    pub(crate) async fn send(&self, server: usize, ask: &HttpRequest<'_>) -> Result<HttpResponse, RequestFailure> {
        let Ok(place) = timeout(self.patience, self.places.acquire()).await else {
            return Err(RequestFailure::NotSent);
        };
        let _place = place.expect("the semaphore is never closed");
        let server = &self.servers[server % self.servers.len()];
        let Ok(connected) = timeout(self.patience, server.begin(ask)).await else {
            return Err(RequestFailure::NotSent);
        };
        let (mut connection, request) = connected?;
        let exchanged = timeout(self.patience, exchange(&mut connection, request)).await;
        let answer = exchanged.map_err(|_| RequestFailure::TimedOut)??;
        if connection.ready().await.is_ok() {
            server.lock().push(connection);
        }
        Ok(answer)
    }
}

impl Server {
    /// A connection that can take a request, kept from before or new.
    async fn begin(&self, ask: &HttpRequest<'_>) -> Result<(Connection, Request<Full<Bytes>>), RequestFailure> {
        let request = ask.request(&self.address);
        while let Some(connection) = self.take() {
            if connection.is_ready() {
                return Ok((connection, request));
            }
        }
        let stream = self.address.connect().await.map_err(|_| RequestFailure::NotSent)?;
        let (connection, driving) = handshake(TokioIo::new(stream)).await.map_err(|_| RequestFailure::NotSent)?;
        // Its end is seen by the request on it, or by the next one that would use it.
        tokio::spawn(driving);
        Ok((connection, request))
    }

    fn take(&self) -> Option<Connection> {
        self.lock().pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn exchange(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<HttpResponse, RequestFailure> {
    let answer = connection.try_send_request(request).await.map_err(|mut error| {
        // hyper gives the request back only if nothing of it was written: an idle connection was closed.
        if error.take_message().is_some() { RequestFailure::NotSent } else { RequestFailure::Broken }
    })?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|_| RequestFailure::Broken)?;
    Ok(HttpResponse { status: parts.status, headers: parts.headers, body: body.to_bytes() })
}
