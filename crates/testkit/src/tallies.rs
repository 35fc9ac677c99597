//! Reads over HTTP what was accepted and what is counted.

use serde_json::Value;

/// The tally of a poll from the result host; `None` while it is not available.
pub async fn tally(result_url: &str, poll: &str) -> Option<Value> {
    let answer = reqwest::get(format!("{result_url}/api/polls/{poll}/tally")).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

/// The number of ballots of a poll that the log has accepted, from the vote host; `None` while it is not available.
pub async fn accepted(vote_url: &str, poll: &str) -> Option<u64> {
    let answer = reqwest::get(format!("{vote_url}/api/polls/{poll}")).await.ok()?;
    let poll: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    poll["accepted"].as_u64()
}

/// The votes of a tally by option index.
pub fn votes(tally: &Value, options: usize) -> Vec<u64> {
    (0..u8::try_from(options).expect("at most 26 options"))
        .map(|index| tally["votes"][char::from(b'a' + index).to_string()].as_u64().unwrap_or_default())
        .collect()
}
