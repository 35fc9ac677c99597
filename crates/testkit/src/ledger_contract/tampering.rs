//! Statements that tamper with one row of a ledger, each of which a recount must find.

use domain::{Entry, PollChange, Wording};

use super::scene::{Script, after, poll, voter};

/// What a database calls things.
pub struct SqlDialect {
    /// A pseudonym that nobody has.
    pub voter: &'static str,
    /// Thirty-two zero bytes.
    pub digest: &'static str,
    /// What makes a row of `trees` one that is to be built.
    pub not_built: &'static str,
    /// Of `polls.poll`, with another version.
    pub other_record: &'static str,
    /// Of `terms`, in which `Apples` is replaced by `Pears`.
    pub other_terms: &'static str,
}

/// A log with an open poll, a closed one whose words were corrected while there were ballots, and rounds before.
pub fn a_log_with_trees() -> Vec<Entry> {
    let mut script = Script::default();
    let (open, quiet) = (poll("open"), poll("quiet"));
    script.poll(&open);
    script.poll(&quiet);
    for number in 0..300 {
        script.vote(&open, voter(number), "a");
        script.vote(&quiet, voter(number), "b");
    }
    for number in 0..40 {
        script.vote(&quiet, voter(number * 2), "c");
    }
    let options = ["Apples!", "Bananas!", "Cherries!"].map(str::to_owned).to_vec();
    let wording = Wording { question: "What of quiet?".to_owned(), options, at_millis: 1 };
    let corrected = after(&quiet, &PollChange::Correct(Box::new(wording)));
    script.poll(&corrected);
    for number in 300..340 {
        script.vote(&quiet, voter(number), "a");
    }
    script.poll(&after(&corrected, &PollChange::Close));
    let reset = after(&open, &PollChange::Reset);
    script.poll(&reset);
    for number in 0..30 {
        script.vote(&open, voter(number), "b");
    }
    script.all()
}

/// The primary key of each table, what can be made of one of its rows, and how many rows are tried.
fn kinds(dialect: &SqlDialect) -> Vec<(&'static str, &'static str, Vec<String>, u32)> {
    let SqlDialect { voter, digest, not_built, other_record, other_terms } = dialect;
    let set = |changes: &[&str]| changes.iter().map(|&change| format!("SET {change}")).collect::<Vec<_>>();
    vec![
        (
            "polls",
            "number",
            set(&[
                "id = 'another'",
                "number = number + 100",
                "version = version + 1",
                "state = 'waiting'",
                "listed = NOT listed",
                "round = round + 1",
                "since = since + 1048576000000",
                &format!("poll = {other_record}"),
            ]),
            2,
        ),
        (
            "ballots",
            "poll, voter, position",
            set(&[
                "poll = poll + 100",
                "choices = choices * 2",
                "position = position + 1048576",
                &format!("voter = {voter}"),
            ]),
            8,
        ),
        ("tallies", "poll, option", set(&["votes = votes + 1"]), 8),
        ("turnout", "poll", set(&["voters = voters + 1", "counted = counted + 1"]), 8),
        (
            "trees",
            "number",
            set(&[
                "size = size - 1",
                "voters = voters + 1",
                "last = last + 1",
                "round = round + 7",
                "generation = generation + 1",
                "partitions = partitions + 1",
                "installation = 'another'",
                "since = since + 1048576000",
                not_built,
            ]),
            8,
        ),
        (
            "tiles",
            "tree, level, place",
            set(&[
                "last = coalesce(last, 0) + 1",
                "level = level + 3",
                "place = place + 1000",
                "digests = substr(digests, 1, length(digests) - 32)",
                "digests = substr(digests, 33, length(digests) - 32)",
            ]),
            8,
        ),
        (
            "tree_closes",
            "tree, version",
            set(&["size = size + 1", "voters = voters - 1", "version = version + 9", &format!("root = {digest}")]),
            4,
        ),
        ("terms", "poll, after", set(&[&format!("terms = {other_terms}"), "after = after + 1048576000000"]), 8),
    ]
}

/// All statements: each changes or deletes one row, if there is one. The tables of [`a_log_with_trees`] have rows for
/// most of them.
pub fn tamperings(dialect: &SqlDialect) -> Vec<String> {
    let mut statements = Vec::new();
    for (table, key, changes, rows) in kinds(dialect) {
        for number in 0..rows {
            // Rows from everywhere, where there are many.
            let offset = if table == "ballots" { number * 101 } else { number };
            let row = format!("WHERE ({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {offset})");
            statements.extend(changes.iter().map(|change| format!("UPDATE {table} {change} {row}")));
            if table != "tallies" {
                statements.push(format!("DELETE FROM {table} {row}"));
            }
        }
    }
    for poll in [1, 2] {
        statements.push(format!(
            "INSERT INTO ballots (poll, voter, position, choices)
             SELECT {poll}, {}, max(position) - 1048576, 1 FROM ballots WHERE poll = {poll}",
            dialect.voter
        ));
    }
    statements
}
