//! What a verification says: a table for people, and JSON for programs.

use std::io::{self, Write};

use attest::{AuditFinding, ReceiptFate, ReceiptOutcome, Verification, VerifiedPoll};
use domain::option_key;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Writes a verification for people. Characters that would steer a terminal are not passed on: a published file comes
/// from strangers.
pub fn write_table(verification: &Verification, out: &mut impl Write) -> io::Result<()> {
    let mut table = Vec::new();
    write_lines(verification, &mut table)?;
    let steers = |c: char| c.is_control() && c != '\n';
    out.write_all(String::from_utf8_lossy(&table).replace(steers, "\u{fffd}").as_bytes())
}

fn write_lines(verification: &Verification, out: &mut impl Write) -> io::Result<()> {
    if let Some(poll) = &verification.poll {
        write_poll(poll, out)?;
    }
    for ReceiptOutcome { name, fate } in &verification.receipts {
        writeln!(out, "{name}: the ballot is there; {}", fate_in_words(*fate, verification.poll.as_ref()))?;
    }
    for name in &verification.earlier_seals {
        writeln!(
            out,
            "{name}: of an earlier close, after which the poll was opened again; the ballots begin with its own"
        )?;
    }
    for AuditFinding { kind, kept, by } in &verification.findings {
        let by = by.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        writeln!(out, "DOES NOT HOLD  {by}{kind} ({}: {kept})", kind.word())?;
    }
    if verification.more_findings > 0 {
        writeln!(out, "DOES NOT HOLD  … and {} more", verification.more_findings)?;
    }
    for unchecked in &verification.unchecked {
        writeln!(out, "NOT CHECKED    {unchecked}")?;
    }
    writeln!(out, "{}", conclusion(verification))
}

fn write_poll(poll: &VerifiedPoll, out: &mut impl Write) -> io::Result<()> {
    let VerifiedPoll { round, question, options, key, words, ballots, voters, votes, .. } = poll;
    writeln!(out, "{question}")?;
    writeln!(out, "poll     {}, round {}, closed {}", round.poll, round.round, moment(poll.closed_ms))?;
    let origin = if poll.key_was_given { "as given" } else { "from the file: compare it with one you have kept" };
    writeln!(out, "key      {key} ({origin})")?;
    writeln!(out, "words    {}", words.join(" "))?;
    writeln!(out, "ballots  {ballots}, of {voters} voters")?;
    let width = votes.iter().map(|votes| votes.to_string().len()).max().unwrap_or(1);
    for (index, (option, votes)) in options.iter().zip(votes).enumerate() {
        writeln!(out, "  {} {votes:>width$}  {option}", option_key(index))?;
    }
    Ok(())
}

fn moment(milliseconds: u64) -> String {
    let moment = i64::try_from(milliseconds).ok().and_then(|moment| Timestamp::from_millisecond(moment).ok());
    moment.map_or_else(|| milliseconds.to_string(), |moment| format!("{moment:.0}"))
}

fn fate_in_words(fate: ReceiptFate, poll: Option<&VerifiedPoll>) -> String {
    let ReceiptFate::Counts(choices) = fate else {
        return "a later one of the same voter has replaced it".to_owned();
    };
    let option = |index: usize| {
        let text = poll.and_then(|poll| poll.options.get(index));
        text.cloned().unwrap_or_else(|| option_key(index).to_string())
    };
    let chosen: Vec<_> = choices.indices().map(option).collect();
    format!("it counts, for: {}", chosen.join(", "))
}

fn conclusion(verification: &Verification) -> &'static str {
    if !verification.findings.is_empty() {
        "Something does not hold."
    } else if !verification.unchecked.is_empty() {
        "Not everything could be checked."
    } else {
        "All holds that can be checked here."
    }
}

/// A verification for programs.
pub fn as_json(verification: &Verification) -> Value {
    let Verification { poll, findings, more_findings, unchecked, receipts, earlier_seals } = verification;
    let finding = |AuditFinding { kind, kept, by }: &AuditFinding| {
        json!({
            "finding": kind.word(), "text": kind.to_string(), "kept": kept.word(), "by": by,
        })
    };
    let receipt = |ReceiptOutcome { name, fate }: &ReceiptOutcome| match fate {
        ReceiptFate::Counts(choices) => json!({"by": name, "counts": true, "choices": choices.to_string()}),
        ReceiptFate::Replaced => json!({"by": name, "counts": false}),
    };
    json!({
        "holds": verification.holds(),
        "poll": poll.as_ref().map(poll_as_json),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "more_findings": more_findings,
        "unchecked": unchecked.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "receipts": receipts.iter().map(receipt).collect::<Vec<_>>(),
        "earlier_seals": earlier_seals,
    })
}

fn poll_as_json(poll: &VerifiedPoll) -> Value {
    let VerifiedPoll { round, question, options, key, seal, words, closed_ms, ballots, voters, votes, .. } = poll;
    json!({
        "installation": round.installation.as_str(),
        "poll": round.poll.as_str(),
        "round": round.round,
        "question": question,
        "options": options,
        "key": key.to_string(),
        "key_was_given": poll.key_was_given,
        "seal": seal.to_string(),
        "words": words.join(" "),
        "closed_ms": closed_ms,
        "ballots": ballots,
        "voters": voters,
        "votes": votes,
    })
}
