//! The `recount` command, of the worker and of the all-in-one: shows what the screens show beside what the ballots say.

use std::io::{self, Write};

use domain::{Audit, Recount, VoteCounts, option_key};

/// Writes a table of every poll, kept figures beside recounted ones, and what could not be counted.
/// Returns whether all figures agree.
///
/// Gaps and rejected entries are told and are no difference: the ballots of the ledger are counted rightly.
pub fn report(audit: &Audit, out: &mut impl Write) -> io::Result<bool> {
    let width = audit.polls.iter().map(|recount| recount.poll.as_str().len()).max().unwrap_or(0).max("poll".len());
    writeln!(out, "{:width$}  {:8}  {:>12}  {:>12}", "poll", "figure", "kept", "recounted")?;
    for recount in &audit.polls {
        poll(recount, width, out)?;
    }
    for gap in &audit.gaps {
        let ballots = match gap.ballots {
            Some(ballots @ 1..) => format!("at least {ballots} ballots were never counted"),
            _ => "was never counted".to_owned(),
        };
        writeln!(out, "gap: partition {}, after {} through {}, {ballots}", gap.partition, gap.after, gap.through)?;
    }
    writeln!(out, "rejected entries: {}", audit.rejected)?;
    let differing = audit.polls.iter().filter(|recount| !recount.agrees()).count();
    match (audit.polls.len(), differing) {
        (1, 0) => writeln!(out, "1 poll agrees")?,
        (polls, 0) => writeln!(out, "{polls} polls agree")?,
        (polls, differing) => writeln!(out, "{differing} of {polls} DIFFERS")?,
    }
    Ok(differing == 0)
}

fn poll(recount: &Recount, width: usize, out: &mut impl Write) -> io::Result<()> {
    let Recount { poll, kept, recounted } = recount;
    let id = poll.as_str();
    let mut line = |figure: &str, of: &dyn Fn(&VoteCounts) -> u64| {
        let (kept, recounted) = (of(kept), of(recounted));
        let verdict = if kept == recounted { "" } else { "  DIFFERS" };
        writeln!(out, "{id:width$}  {figure:8}  {kept:>12}  {recounted:>12}{verdict}")
    };
    for option in 0..kept.votes.len().max(recounted.votes.len()) {
        let key = option_key(option).to_string();
        line(&key, &|figures| figures.votes.get(option).copied().unwrap_or(0))?;
    }
    line("voters", &|figures| figures.voters)?;
    line("ballots", &|figures| figures.ballots)?;
    writeln!(out, "{id:width$}  {}", if recount.agrees() { "agrees" } else { "DIFFERS" })
}

#[cfg(test)]
mod tests {
    use domain::{Gap, Partition, PollId, Position};

    use super::*;

    fn figures(votes: &[u64], voters: u64, counted: u64) -> VoteCounts {
        VoteCounts { votes: votes.to_vec(), voters, ballots: counted }
    }

    fn printed(audit: &Audit) -> (bool, String) {
        let mut out = Vec::new();
        let agrees = report(audit, &mut out).unwrap();
        (agrees, String::from_utf8(out).unwrap())
    }

    #[test]
    fn figures_that_agree_are_shown_and_so_is_what_was_never_counted() {
        let same = figures(&[12, 3], 15, 17);
        let audit = Audit {
            polls: vec![Recount { poll: PollId::MAIN, kept: same.clone(), recounted: same }],
            gaps: [None, Some(1_024)]
                .map(|ballots| Gap {
                    partition: Partition::new(0),
                    after: Position::new(1_000, 1).unwrap(),
                    through: Position::new(2_000, 0).unwrap(),
                    ballots,
                })
                .to_vec(),
            rejected: 2,
        };
        let (agrees, text) = printed(&audit);
        assert!(agrees);
        assert_eq!(
            text,
            "poll  figure            kept     recounted\n\
             main  a                   12            12\n\
             main  b                    3             3\n\
             main  voters              15            15\n\
             main  ballots             17            17\n\
             main  agrees\n\
             gap: partition 0, after 1000-1 through 2000-0, was never counted\n\
             gap: partition 0, after 1000-1 through 2000-0, at least 1024 ballots were never counted\n\
             rejected entries: 2\n\
             1 poll agrees\n"
        );
    }

    #[test]
    fn one_figure_that_differs_is_pointed_at_and_fails_the_recount() {
        let audit = Audit {
            polls: vec![Recount {
                poll: PollId::MAIN,
                kept: figures(&[12, 4], 15, 17),
                recounted: figures(&[12, 3], 15, 17),
            }],
            ..Audit::default()
        };
        let (agrees, text) = printed(&audit);
        assert!(!agrees);
        assert!(text.contains("main  b                    4             3  DIFFERS\n"), "{text}");
        assert!(text.contains("main  a                   12            12\n"), "{text}");
        assert!(text.ends_with("1 of 1 DIFFERS\n"), "{text}");
    }
}
