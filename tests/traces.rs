//! Traces of a program as it is shipped: off until an endpoint is set.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use testkit::all_in_one::AllInOne;

/// The first request that a collector gets, of at most 64 KiB. It is answered.
fn first_request(collector: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = collector.accept().unwrap();
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while request.len() < 65_536 && !is_whole(&request) {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the program ends its request early");
        request.extend_from_slice(&chunk[..read]);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    request
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((_, length)) = text.split_once("content-length: ") else { return false };
    let Some(head) = request.windows(4).position(|part| part == b"\r\n\r\n") else { return false };
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    request.len() >= head + 4 + length
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_endpoint_a_collector_is_told_of_requests() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let told = thread::spawn(move || first_request(&collector));
    let data = tempfile::tempdir().unwrap();
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SERVICE_NAME", ""), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let scrutin = AllInOne::start_with(data.path(), settings).await;
    let request = tokio::task::spawn_blocking(|| told.join().unwrap()).await.unwrap();
    drop(scrutin);
    let told = String::from_utf8_lossy(&request);
    assert!(told.starts_with("POST /v1/traces "), "{told}");
    for wanted in ["service.name", "scrutin", "GET /"] {
        assert!(told.contains(wanted), "{wanted} is not in {told}");
    }
}
