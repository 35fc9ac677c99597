//! Posts traces to a collector, with the client of hyper, which every program has anyway. One with TLS would be a fifth
//! of the program, for what a collector beside it needs none of.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::{runtime::Handle, time::timeout};

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The client, which needs a runtime; the exporter's own thread has none, and may wait.
#[derive(Debug)]
pub(crate) struct Collector {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
}

impl Collector {
    /// Panics outside of a runtime.
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), runtime: Handle::current() }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let told = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            Ok(Response::from_parts(head, Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes()))
        };
        self.runtime.spawn(async { timeout(PATIENCE, told).await? }).await?
    }
}
