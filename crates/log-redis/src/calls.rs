//! Calling scripts.
//!
//! A script is called by its hash. A Redis that does not know it (after a restart) replies `NOSCRIPT` and has certainly
//! done nothing, so the script is loaded and called again.

use domain::Unavailable;
use redis::{Pipeline, Value};

use crate::{answers::checked, connection::Transport, deadline::Deadline, link::Link, scripts::Call};

/// Runs one script, within the usual deadline.
pub(crate) async fn run(link: &Link, what: &'static str, call: Call) -> Result<Value, Unavailable> {
    run_until(link, what, Deadline::usual(), call).await
}

/// Runs one script within a deadline that other calls share.
pub(crate) async fn run_until(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    call: Call,
) -> Result<Value, Unavailable> {
    let mut answers = run_together(link, what, deadline, vec![call]).await?;
    answers.pop().expect("one answer for each call")
}

/// Sends several independent scripts in one round trip, and returns their replies in order.
///
/// After an outer error any of the calls may or may not have run; after an inner error, that call may or may not have
/// run. The exception is an error that says that nothing happened.
pub(crate) async fn run_together(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    calls: Vec<Call>,
) -> Result<Vec<Result<Value, Unavailable>>, Unavailable> {
    let mut commands = Pipeline::with_capacity(calls.len());
    let mut scripts = Vec::with_capacity(calls.len());
    for Call { script, command } in calls {
        commands.add_command(command);
        scripts.push(script);
    }
    let answers = link.send(what, deadline, &commands).await?;
    let unknown: Vec<usize> = (0..answers.len()).filter(|&index| is_unknown_script(&answers[index])).collect();
    let mut answers: Vec<_> = answers.into_iter().map(|answer| checked(what, answer)).collect();
    if !unknown.is_empty() {
        let calls: Vec<_> = scripts.iter().zip(commands.cmd_iter()).collect();
        let again = unknown.iter().map(|&index| Call { script: calls[index].0, command: calls[index].1.clone() });
        match load_and_call(link, what, deadline, again.collect()).await {
            Ok(taught) => {
                unknown.into_iter().zip(taught).for_each(|(index, answer)| answers[index] = checked(what, answer));
            }
            // The other calls have their replies.
            Err(error) => unknown.into_iter().for_each(|index| answers[index] = Err(error.clone())),
        }
    }
    Ok(answers)
}

/// Loads the scripts of these calls and calls them again.
async fn load_and_call(
    link: &impl Transport,
    what: &'static str,
    deadline: Deadline,
    calls: Vec<Call>,
) -> Result<Vec<Value>, Unavailable> {
    let mut commands = Pipeline::new();
    let mut taught: Vec<&str> = Vec::new();
    for Call { script, .. } in &calls {
        if !taught.contains(&script.hash.as_str()) {
            taught.push(&script.hash);
            commands.cmd("SCRIPT").arg("LOAD").arg(script.source());
        }
    }
    for Call { command, .. } in calls {
        commands.add_command(command);
    }
    let mut answers = link.send(what, deadline, &commands).await?;
    Ok(answers.split_off(taught.len()))
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
