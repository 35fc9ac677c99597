//! The command `witness`: keeps what is public of a poll, and says so loudly where it contradicts what was kept.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::Result;
use auditor::{Contradiction, PollAddress, PollWitness, WitnessNews, printable};
use clap::Args;
use program::settings::duration;

use crate::verify;

/// The exit code where not everything could be looked at.
const NOT_CHECKED: u8 = 2;

/// What is witnessed, and where it is kept.
#[derive(Debug, Args)]
pub(crate) struct WitnessSettings {
    /// The address of the poll's page on the result host
    address: String,
    /// Where checkpoints and tiles are kept, laid out as at the server; made if it is not there
    #[arg(long)]
    directory: PathBuf,
    /// The installation's key, one line, or a file with it; without it the one that was kept is taken, or at first the
    /// one that the server has
    #[arg(long)]
    key: Option<String>,
    /// Look once and end
    #[arg(long)]
    once: bool,
    /// How long to wait between two looks
    #[arg(long, value_parser = duration, default_value = "10s")]
    every: Duration,
}

/// Witnesses until something contradicts (exit code 1), or once; then 2 says that not everything could be looked at.
pub(crate) fn run(settings: &WitnessSettings) -> ExitCode {
    match watched(settings) {
        Ok(code) => code,
        Err(error) => {
            // Nobody else can be told.
            let _ = writeln!(io::stderr(), "scrutin witness: {}", printable(&format!("{error:#}")));
            ExitCode::from(NOT_CHECKED)
        }
    }
}

fn watched(settings: &WitnessSettings) -> Result<ExitCode> {
    let key = settings.key.as_deref().map(verify::key).transpose()?;
    let witness = PollWitness::open(PollAddress::parse(&settings.address)?, &settings.directory, key.as_ref())?;
    loop {
        let news = witness.look();
        news.iter().try_for_each(tell)?;
        if news.iter().any(|news| matches!(news, WitnessNews::Contradiction(_))) {
            return Ok(ExitCode::FAILURE);
        }
        if settings.once {
            let failed = news.iter().any(|news| matches!(news, WitnessNews::NotChecked(_)));
            return Ok(if failed { ExitCode::from(NOT_CHECKED) } else { ExitCode::SUCCESS });
        }
        thread::sleep(settings.every);
    }
}

fn tell(news: &WitnessNews) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match news {
        WitnessNews::Grew { origin, from, to } => {
            writeln!(out, "{origin}: {to} ballots, and the first {from} are the same")
        }
        WitnessNews::BegunAnew { origin, given_up } => writeln!(
            out,
            "{origin}: the server has begun this tree anew after a loss; {given_up} ballots of the one before were \
             kept, and can't be compared"
        ),
        WitnessNews::Sealed { version, words } => writeln!(out, "closed with version {version}: {words}"),
        WitnessNews::NotChecked(error) => {
            writeln!(io::stderr(), "not checked: {}", printable(&error.to_string()))
        }
        WitnessNews::Contradiction(Contradiction { of, kept, seen }) => writeln!(
            out,
            "CONTRADICTION: {of}: the server has signed two statements that can't both be true:\n  {}\n  {}",
            kept.display(),
            seen.display()
        ),
    }
}
