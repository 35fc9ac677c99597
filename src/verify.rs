//! The command `verify`: checks published ballots, alone and against what somebody has kept. It needs no data
//! directory, and reads nothing that is not public.

use std::{
    fs,
    io::{self, BufReader, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow};
use attest::{Evidence, KeptNote, MAX_NOTE_BYTES, VerifierKey, parse_words, verify};
use auditor::{FetchError, PublishedSource, as_json, printable, write_table};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

/// The exit code where not everything could be checked.
const NOT_CHECKED: u8 = 2;

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// What is checked, against what.
#[derive(Debug, Args)]
pub(crate) struct VerifySettings {
    /// The address of the poll's page on the result host, or of the published file; or a file; `-` is standard input
    source: String,
    /// The installation's key, one line as at `/.well-known/scrutin-key`, or a file with it; without it the key in the
    /// published file is taken, which the server could have changed
    #[arg(long)]
    key: Option<String>,
    /// The proof of a ballot, as its receipt's page gives it; may be given several times
    #[arg(long = "proof", value_name = "FILE")]
    proofs: Vec<PathBuf>,
    /// The promise of a ballot, as its receipt's page gives it; may be given several times
    #[arg(long = "promise", value_name = "FILE")]
    promises: Vec<PathBuf>,
    /// A checkpoint that a screen or a witness has kept; may be given several times
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// A seal that somebody has kept
    #[arg(long = "seal", value_name = "FILE")]
    seals: Vec<PathBuf>,
    /// The twelve words of the seal, as screens showed them after the close
    #[arg(long)]
    words: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks, and says what holds: exit code 0 if all does, 1 if something does not, 2 if not everything could be
/// checked.
pub(crate) fn run(settings: &VerifySettings) -> ExitCode {
    match checked(settings) {
        Ok(code) => code,
        Err(error) => {
            // Standard output is for what was found.
            let _ = writeln!(io::stderr(), "scrutin verify: {}", printable(&format!("{error:#}")));
            ExitCode::from(NOT_CHECKED)
        }
    }
}

fn checked(settings: &VerifySettings) -> Result<ExitCode> {
    let mut evidence = settings.evidence()?;
    let busy = |busy: &FetchError| {
        // It is asked again without being told, if nobody can be told.
        let _ = writeln!(io::stderr(), "scrutin verify: {}; asking again then", printable(&busy.to_string()));
    };
    let PublishedSource { reader, length, poll } = PublishedSource::open_patiently(&settings.source, busy)?;
    evidence.poll = poll;
    let bar = progress_bar(length);
    let verification = verify(BufReader::with_capacity(BUFFER_BYTES, bar.wrap_read(reader)), &evidence);
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    if settings.json {
        writeln!(out, "{}", as_json(&verification))?;
    } else {
        write_table(&verification, &mut out)?;
    }
    Ok(if !verification.findings.is_empty() {
        ExitCode::FAILURE
    } else if verification.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_CHECKED)
    })
}

impl VerifySettings {
    fn evidence(&self) -> Result<Evidence> {
        let notes = |files: &[PathBuf]| files.iter().map(note).collect::<Result<Vec<_>>>();
        let twelve = |text: &String| parse_words(text).ok_or_else(|| anyhow!("--words: not twelve words of the list"));
        Ok(Evidence {
            poll: None, // known once the source is open
            key: self.key.as_deref().map(key).transpose()?,
            proofs: notes(&self.proofs)?,
            promises: notes(&self.promises)?,
            checkpoints: notes(&self.checkpoints)?,
            seals: notes(&self.seals)?,
            words: self.words.as_ref().map(twelve).transpose()?,
        })
    }
}

/// A key, from its line or from a file with it.
pub(crate) fn key(given: &str) -> Result<VerifierKey> {
    let line = match given.parse() {
        Ok(key) => return Ok(key),
        Err(_) => fs::read_to_string(given).context("--key: neither a key nor a file with one")?,
    };
    line.trim_end().parse().context("--key")
}

/// What is in a file that somebody has kept. Longer ones are not notes, and are not read.
fn note(file: &PathBuf) -> Result<KeptNote> {
    let name = file.display().to_string();
    let length = fs::metadata(file).with_context(|| name.clone())?.len();
    if length > 2 * MAX_NOTE_BYTES as u64 {
        return Err(anyhow!("{name}: it is too long for what it should be"));
    }
    let text = fs::read_to_string(file).with_context(|| name.clone())?;
    Ok(KeptNote { name, text })
}

/// Shown on standard error, if that is a terminal.
fn progress_bar(length: Option<u64>) -> ProgressBar {
    let style = |template: &str| ProgressStyle::with_template(template).expect("the template is right");
    match length {
        Some(length) => {
            ProgressBar::new(length).with_style(style("checking {bar:40} {bytes} of {total_bytes}, {eta} left"))
        }
        None => ProgressBar::new_spinner().with_style(style("checking {spinner} {bytes}")),
    }
}
