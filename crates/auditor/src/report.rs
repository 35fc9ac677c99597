//! What a verification says: a table for people, and JSON for programs.

use std::io::{self, Write};

use attest::{AuditFinding, ReceiptFate, ReceiptOutcome, Verification, VerifiedPoll};
use domain::option_key;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::printable::printable;

/// Writes a verification for people, with each value of the file on the line where it belongs: a published file comes
/// from strangers.
pub fn write_table(verification: &Verification, out: &mut impl Write) -> io::Result<()> {
    lines(verification).iter().try_for_each(|line| writeln!(out, "{}", printable(line)))
}

fn lines(verification: &Verification) -> Vec<String> {
    let mut lines = verification.poll.as_ref().map(lines_of_poll).unwrap_or_default();
    for ReceiptOutcome { name, fate } in &verification.receipts {
        let fate = fate_in_words(*fate, verification.poll.as_ref());
        lines.push(format!("{name}: the ballot is there; {fate}"));
    }
    let earlier = "of an earlier close, after which the poll was opened again; the ballots begin with its own";
    lines.extend(verification.earlier_seals.iter().map(|name| format!("{name}: {earlier}")));
    for AuditFinding { kind, kept, by } in &verification.findings {
        let by = by.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        lines.push(format!("DOES NOT HOLD  {by}{kind} ({}: {kept})", kind.word()));
    }
    if verification.more_findings > 0 {
        lines.push(format!("DOES NOT HOLD  … and {} more", verification.more_findings));
    }
    lines.extend(verification.unchecked.iter().map(|unchecked| format!("NOT CHECKED    {unchecked}")));
    lines.push(conclusion(verification).to_owned());
    lines
}

fn lines_of_poll(poll: &VerifiedPoll) -> Vec<String> {
    let VerifiedPoll { round, question, options, key, words, ballots, voters, votes, .. } = poll;
    let origin = if poll.key_was_given { "as given" } else { "from the file: compare it with one you have kept" };
    let mut lines = vec![
        question.clone(),
        format!("poll     {}, round {}, closed {}", round.poll, round.round, moment(poll.closed_ms)),
        format!("key      {key} ({origin})"),
        format!("words    {}", words.join(" ")),
        format!("ballots  {ballots}, of {voters} voters"),
    ];
    let width = votes.iter().map(|votes| votes.to_string().len()).max().unwrap_or(1);
    let counted = options.iter().zip(votes).enumerate();
    lines.extend(counted.map(|(index, (option, votes))| format!("  {} {votes:>width$}  {option}", option_key(index))));
    lines
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
