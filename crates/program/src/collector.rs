//! Posts traces to a collector: plain HTTP/1.1, a connection for each batch.
//!
//! It is called by the exporter's own thread, which may wait. A client with TLS, redirects and kept connections would
//! be a fifth of the program, for what a collector beside it needs none of.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use opentelemetry_http::{HttpClient, HttpError};

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read; of it only the status counts.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The client.
#[derive(Debug)]
pub(crate) struct Collector;

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let status = post(&request)?;
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}

fn post(request: &Request<Bytes>) -> io::Result<StatusCode> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let authority = request.uri().authority().ok_or_else(|| invalid("an address without a host"))?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n").into_bytes();
    head.extend(format!("content-length: {}\r\n", request.body().len()).bytes());
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != header::HOST) {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");

    let end = Instant::now() + PATIENCE;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = connect((host, port).to_socket_addrs()?, end)?;
    stream.set_write_timeout(Some(left(end)?))?;
    stream.write_all(&head)?;
    stream.write_all(request.body())?;
    status(&read_answer(&mut stream, end)?).ok_or_else(|| invalid("an answer that is not HTTP"))
}

/// To the first of the addresses that takes a connection.
fn connect(addresses: impl Iterator<Item = SocketAddr>, end: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(end)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_answer(stream: &mut TcpStream, end: Instant) -> io::Result<Vec<u8>> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    while answer.len() as u64 <= MAX_ANSWER_BYTES && !answer.windows(4).any(|part| part == b"\r\n\r\n") {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(answer)
}

/// What is left of the time, which is never zero: for a socket that would be for ever.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn status(answer: &[u8]) -> Option<StatusCode> {
    let code = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    StatusCode::from_bytes(code).ok()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// What the client makes of this answer, and what it sent.
    fn told(answer: &'static [u8]) -> (io::Result<StatusCode>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut sent = String::new();
            let mut chunk = [0; 1024];
            while !sent.ends_with("spans") {
                let read = stream.read(&mut chunk).unwrap();
                sent.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
            }
            stream.write_all(answer).unwrap();
            sent
        });
        let request = Request::post(format!("http://{address}/v1/traces?a=b")).header("x-key", "secret");
        let status = post(&request.body(Bytes::from_static(b"spans")).unwrap());
        (status, server.join().unwrap())
    }

    #[test]
    fn a_batch_is_posted_with_its_headers_and_the_status_comes_back() {
        let (status, sent) = told(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(status.unwrap(), 200);
        assert!(sent.starts_with("POST /v1/traces?a=b HTTP/1.1\r\nhost: 127.0.0.1"), "{sent}");
        assert!(sent.contains("\r\nx-key: secret\r\n") && sent.contains("content-length: 5\r\n"), "{sent}");
        assert_eq!(told(b"HTTP/1.0 503 Busy\r\n\r\n").0.unwrap(), 503, "the exporter decides what that means");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for wrong in [&b""[..], b"SMTP ready\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"] {
            assert!(told(wrong).0.is_err(), "{wrong:?}");
        }
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(post(&Request::post(format!("http://{nobody}/")).body(Bytes::new()).unwrap()).is_err());
    }
}
