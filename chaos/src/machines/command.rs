//! Programs that are run to their end: `ip`, `tc`, `kill`, those of PostgreSQL.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// How long one may run.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs a program with these arguments; what it wrote to its standard output.
///
/// # Errors
/// If it can't be run, takes longer than [`LIMIT`], or fails; with what it wrote to its standard error.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    finish(command, "").await
}

/// The same with a prepared command, and this on its standard input.
///
/// # Errors
/// As [`run`].
pub(crate) async fn finish(mut command: Command, input: &str) -> anyhow::Result<String> {
    let what = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{what} does not start"))?;
    let mut stdin = child.stdin.take().context("it is piped")?;
    // A program that reads nothing may have ended already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = timeout(LIMIT, child.wait_with_output()).await.with_context(|| format!("{what} takes too long"))??;
    ensure!(output.status.success(), "{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
