//! Opens a connection to one server: TCP, TLS if it is wanted, then the handshake of the driver.

use std::{io, sync::Arc};

use futures_util::future::select_ok;
use redis::{
    AsyncConnectionConfig, Pipeline, RedisConnectionInfo, RedisError, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinHandle,
};

use crate::{
    address::Node,
    tls::{DEMANDS_OURS, TlsClient, words},
};

/// A connection of the driver. It is closed when the last clone is dropped, also while replies are missing.
#[derive(Clone)]
pub(crate) struct DriverConnection {
    redis: MultiplexedConnection,
    _task: Arc<DriverTask>,
}

/// Moves the bytes of one connection; ends when this is dropped.
struct DriverTask(JoinHandle<()>);

/// Why there is no connection: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    /// The network says no.
    #[error("{0} can't be reached: {1}")]
    Unreachable(Node, io::Error),
    /// It answers, and refuses us or is no Redis.
    #[error("{0}: {1}")]
    Refused(Node, RedisError),
    /// No encrypted connection, or it is closed at once, for this reason.
    #[error("{0}: {1}")]
    HungUp(Node, String),
    /// Nobody knows the server that takes writes, or whoever they name does not take them.
    #[error("{0}")]
    NoPrimary(String),
    /// Nothing happens.
    #[error("{0} does not answer{1}")]
    Silent(Node, &'static str),
}

impl NotConnected {
    /// Nothing came in time.
    pub(crate) fn silent(node: &Node, has_tls: bool) -> Self {
        // A Redis without TLS takes a client's first bytes for a line, and waits for its end.
        Self::Silent(
            node.clone(),
            if has_tls { "; if it does not speak TLS, the address begins with redis://" } else { "" },
        )
    }

    /// What the server says, or why it hangs up.
    pub(crate) fn refused(node: &Node, has_tls: bool, error: RedisError) -> Self {
        if !error.is_connection_dropped() && !error.is_io_error() {
            return Self::Refused(node.clone(), error);
        }
        let hint = match has_tls {
            // TLS 1.3 tells a client only after the handshake that its certificate is missing.
            true if error.to_string().contains("CertificateRequired") => DEMANDS_OURS,
            true => "it hangs up",
            false => "it hangs up; if it wants TLS, the address begins with rediss://",
        };
        Self::HungUp(node.clone(), format!("{hint} ({error})"))
    }
}

impl DriverConnection {
    /// Sends the commands together and returns the replies in order; a reply may be an error of the server.
    pub(crate) async fn exchange(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        self.redis.req_packed_commands(commands, 0, commands.len()).await
    }
}

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens a connection, encrypted if there is `tls`. Takes as long as the server likes: callers limit it.
pub(crate) async fn dial(
    node: &Node,
    tls: Option<&TlsClient>,
    login: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<DriverConnection, NotConnected> {
    let socket = connect(node).await.map_err(|error| NotConnected::Unreachable(node.clone(), error))?;
    let greeted = match tls {
        None => greet(socket, login, config).await,
        Some(tls) => {
            let encrypted = tls.encrypt(&node.host, socket).await;
            let encrypted = encrypted.map_err(|error| NotConnected::HungUp(node.clone(), words(node, &error)))?;
            greet(encrypted, login, config).await
        }
    };
    greeted.map_err(|error| NotConnected::refused(node, tls.is_some(), error))
}

/// Connects to the first of the host's addresses that accepts.
async fn connect(node: &Node) -> io::Result<TcpStream> {
    let addresses = lookup_host((node.host.as_str(), node.port)).await?;
    let attempts: Vec<_> = addresses.map(|address| Box::pin(TcpStream::connect(address))).collect();
    if attempts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    let (socket, _) = select_ok(attempts).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The driver's handshake: protocol, user and password, database.
async fn greet(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    login: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> RedisResult<DriverConnection> {
    let (redis, task) = MultiplexedConnection::new_with_config(login, stream, config).await?;
    Ok(DriverConnection { redis, _task: Arc::new(DriverTask(tokio::spawn(task))) })
}
