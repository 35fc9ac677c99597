//! What a verification says: a table for people, and JSON for programs.

use std::io::{self, Write};

use attest::{AuditFinding, PollCount, PollWording, ReceiptFate, ReceiptOutcome, Verification, VerifiedPoll};
use domain::{Choices, option_key};
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
    if let Some(poll) = &verification.poll {
        let fates = verification.receipts.iter().map(|receipt| (&receipt.name, fate_in_words(receipt, poll)));
        lines.extend(fates.map(|(name, fate)| format!("{name}: the ballot is there; {fate}")));
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
    let VerifiedPoll { round, question, key, words, .. } = poll;
    let origin = if poll.key_was_given { "as given" } else { "from the file: compare it with one you have kept" };
    let mut lines = vec![
        format!("question {question}"),
        format!("poll     {}, round {}, closed {}", round.poll, round.round, moment(poll.closed_ms)),
        format!("key      {key} ({origin})"),
        format!("words    {}", words.join(" ")),
    ];
    match &poll.count {
        None => lines.push("ballots  not counted: the file could not be read to its end".to_owned()),
        Some(count) => lines.extend(lines_of_count(poll, count)),
    }
    lines
}

fn lines_of_count(poll: &VerifiedPoll, count: &PollCount) -> Vec<String> {
    let PollCount { ballots, voters, votes, wordings } = count;
    let mut lines = vec![format!("ballots  {ballots}, of {voters} voters")];
    let width = votes.iter().map(|votes| votes.to_string().len()).max().unwrap_or(1);
    let counted = poll.options.iter().zip(votes).enumerate();
    lines.extend(counted.map(|(index, (option, votes))| format!("  {} {votes:>width$}  {option}", option_key(index))));
    let used: Vec<_> = (0..wordings.len()).filter(|wording| wordings[*wording] > 0).collect();
    if !used.iter().any(|wording| poll.differs(*wording)) {
        return lines;
    }
    let many = if used.len() == 1 { "1 was".to_owned() } else { format!("{} were", used.len()) };
    lines.push(format!("wordings {many} used; a vote for a letter counts for it, whatever words it was cast for"));
    let width = wordings.iter().map(|ballots| ballots.to_string().len()).max().unwrap_or(1);
    lines.extend(used.into_iter().map(|wording| {
        let PollWording { question, options } = &poll.wordings[wording];
        let keyed = options.iter().enumerate().map(|(index, option)| format!("{} {option}", option_key(index)));
        let options = keyed.collect::<Vec<_>>().join(", ");
        let close = if poll.differs(wording) { "" } else { " (the words of the close)" };
        format!("  {:>2}: {:>width$} ballots  {question}  {options}{close}", wording + 1, wordings[wording])
    }));
    lines
}

fn moment(milliseconds: u64) -> String {
    let moment = i64::try_from(milliseconds).ok().and_then(|moment| Timestamp::from_millisecond(moment).ok());
    moment.map_or_else(|| milliseconds.to_string(), |moment| format!("{moment:.0}"))
}

/// What became of a ballot, in the words that it was cast for.
fn fate_in_words(ReceiptOutcome { fate, wording, .. }: &ReceiptOutcome, poll: &VerifiedPoll) -> String {
    let number = wording + 1;
    let ReceiptFate::Counts(choices) = fate else {
        let cast = if poll.differs(*wording) { format!(" (cast for wording {number})") } else { String::new() };
        return format!("a later one of the same voter has replaced it{cast}");
    };
    let its_own = chosen(*choices, &poll.wordings[*wording].options);
    if !poll.differs(*wording) {
        return format!("it counts, for: {}", its_own.join(", "));
    }
    let close = chosen(*choices, &poll.options).join(", ");
    let (its_own, question) = (its_own.join(", "), &poll.wordings[*wording].question);
    format!("it counts; it was cast for wording {number}, “{question}”, for: {its_own}; at the close that is: {close}")
}

/// The options that a ballot chose, in these words.
fn chosen(choices: Choices, options: &[String]) -> Vec<String> {
    let option = |index: usize| options.get(index).cloned().unwrap_or_else(|| option_key(index).to_string());
    choices.indices().map(option).collect()
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
    let receipt = |ReceiptOutcome { name, fate, wording }: &ReceiptOutcome| {
        let mut receipt = json!({
            "by": name, "counts": matches!(fate, ReceiptFate::Counts(_)), "wording": wording + 1,
            "words_differ": poll.as_ref().is_some_and(|poll| poll.differs(*wording)),
        });
        if let (ReceiptFate::Counts(choices), Some(poll)) = (fate, poll) {
            receipt["choices"] = json!(choices.to_string());
            receipt["chosen"] = json!(chosen(*choices, &poll.wordings[*wording].options));
        }
        receipt
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
    let VerifiedPoll { round, question, options, key, seal, words, closed_ms, .. } = poll;
    let count = poll.count.as_ref();
    let wording = |(index, PollWording { question, options }): (usize, &PollWording)| {
        json!({
            "question": question,
            "options": options,
            "words_differ": poll.differs(index),
            "ballots": count.map(|count| count.wordings[index]),
        })
    };
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
        "ballots": count.map(|count| count.ballots),
        "voters": count.map(|count| count.voters),
        "votes": count.map(|count| &count.votes),
        "wordings": poll.wordings.iter().enumerate().map(wording).collect::<Vec<_>>(),
        "wordings_used": count.map(|count| count.wordings.iter().filter(|ballots| **ballots > 0).count()),
    })
}
