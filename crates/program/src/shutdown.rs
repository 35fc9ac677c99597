//! The signals that stop a program.

use std::{future, io};

use tokio::signal;
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by Ctrl-C, SIGTERM, or SIGHUP, which a closed terminal sends. Must be called within a
/// Tokio runtime.
///
/// A program that ignores SIGHUP (`nohup`) goes on. SIGQUIT is not handled, so that it ends a program that hangs.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let hangup = (!ignores_hangup(&status)).then(|| signal::unix::signal(signal::unix::SignalKind::hangup()));
    let mut hangup = hangup.transpose()?;
    tokio::spawn(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => future::pending().await,
            }
        };
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            _ = hung_up => "SIGHUP",
        };
        tracing::info!(signal = name, "stopping: no new requests, those in flight are finished");
        stop.cancel();
    });
    Ok(token)
}

/// Whether this process was started with SIGHUP ignored: the lowest bit of `SigIgn` in its status.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & 1 == 1)
}
