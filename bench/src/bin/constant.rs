//! The reference for everything that answers requests: the server of all services, with nothing behind it.
//!
//! Whatever is asked, the answer is 200 and two letters.

use std::net::SocketAddr;

use axum::{Router, routing::any};
use clap::Parser;
use listener::{Connections, TrustedProxies};
use program::{connection_settings::ConnectionSettings, settings::parse};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Settings {
    /// Address to listen on
    #[arg(long)]
    listen_addr: SocketAddr,
    #[command(flatten)]
    connections: ConnectionSettings,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings: Settings = parse();
    let shutdown = program::shutdown_signal()?;
    let connections = Connections::of_process(settings.connections.limits(), TrustedProxies::default());
    let listener = listener::bind(settings.listen_addr).await?;
    let router = Router::new().fallback(any(async || "ok"));
    Ok(listener::serve(listener, router, &connections, shutdown).await?)
}
