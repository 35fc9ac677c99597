//! The program `crowd`. Nothing is decided here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the report goes to standard output")]

use std::process::ExitCode;

use program::settings::{EXIT_USAGE, parse};
use scrutin_crowd::{Settings, run};
use tokio::signal;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The promise was broken.
const EXIT_BROKEN: u8 = 1;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    // Each screen and each connection of a voter is an open file. Where more is not allowed, connecting says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_interrupt(stop.clone()));
    let report = match run(&settings, stop).await {
        Ok(report) => report,
        Err(unable) => {
            eprintln!("crowd: {unable}");
            return Ok(ExitCode::from(u8::try_from(EXIT_USAGE)?));
        }
    };
    if settings.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.kept { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

/// The first Ctrl-C ends the voting, and what was cast until then is checked; the second ends the program.
async fn stop_on_interrupt(stop: CancellationToken) {
    if signal::ctrl_c().await.is_ok() {
        eprintln!("crowd: no more ballots; waiting for the count (Ctrl-C again: leave at once)");
        stop.cancel();
    }
    if signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}
