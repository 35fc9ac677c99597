//! The `recount` command, of the worker and of the all-in-one: shows what the screens show beside what the ballots say.

use std::io::{self, Write};

use domain::{Audit, PollRecount, Recount, TreeRecount, VoteCounts, option_key};

/// How many faults of one tree are named.
const MAX_FAULTS: usize = 10;

/// Writes a table of every poll, kept figures beside recounted ones, and what could not be counted.
/// Returns whether all figures agree.
///
/// Gaps and rejected entries are told and are no difference: the ballots of the ledger are counted rightly.
pub fn report(audit: &Audit, out: &mut impl Write) -> io::Result<bool> {
    let polls = audit.polls();
    let width = polls.iter().map(|recount| recount.poll.as_str().len()).max().unwrap_or(0).max("poll".len());
    writeln!(out, "{:width$}  {:8}  {:>12}  {:>12}", "poll", "figure", "kept", "recounted")?;
    for recount in &polls {
        poll(recount, width, out)?;
    }
    let faulty = trees(&audit.trees, out)?;
    for gap in &audit.gaps {
        let ballots = match gap.ballots {
            Some(ballots @ 1..) => format!("at least {ballots} ballots were never counted"),
            _ => "was never counted".to_owned(),
        };
        writeln!(out, "gap: partition {}, after {} through {}, {ballots}", gap.partition, gap.after, gap.through)?;
    }
    writeln!(out, "rejected entries: {}", audit.rejected)?;
    let differing = polls.iter().filter(|recount| !recount.agrees()).count();
    match (polls.len(), differing) {
        (1, 0) => writeln!(out, "1 poll agrees")?,
        (polls, 0) => writeln!(out, "{polls} polls agree")?,
        (polls, differing) => writeln!(out, "{differing} of {polls} DIFFERS")?,
    }
    if faulty > 0 {
        writeln!(out, "{faulty} of {} trees DIFFERS", audit.trees.len())?;
    }
    Ok(audit.agrees())
}

/// Writes what of the trees is not as it follows from the ballots. Returns in how many something is not.
fn trees(trees: &[TreeRecount], out: &mut impl Write) -> io::Result<usize> {
    let faulty = || trees.iter().filter(|tree| !tree.faults.is_empty());
    for TreeRecount { tree, faults } in faulty() {
        for fault in faults.iter().take(MAX_FAULTS) {
            writeln!(out, "tree {}: {fault}", tree.origin())?;
        }
        if faults.len() > MAX_FAULTS {
            writeln!(out, "tree {}: and {} more", tree.origin(), faults.len() - MAX_FAULTS)?;
        }
    }
    let agreeing = trees.len() - faulty().count();
    if !trees.is_empty() {
        writeln!(out, "trees that agree with their ballots: {agreeing} of {}", trees.len())?;
    }
    Ok(faulty().count())
}

/// The sums over the partitions, and each figure of a partition that differs: two errors may cancel each other.
fn poll(recount: &PollRecount, width: usize, out: &mut impl Write) -> io::Result<()> {
    let PollRecount { poll, kept, recounted, partitions } = recount;
    let id = poll.as_str();
    for figure in figures(kept, recounted) {
        figure.line(id, width, "", out)?;
    }
    if partitions.len() > 1 {
        for Recount { partition, kept, recounted, .. } in partitions {
            let of_partition = format!(" in partition {partition}");
            for figure in figures(kept, recounted).iter().filter(|figure| !figure.agrees()) {
                figure.line(id, width, &of_partition, out)?;
            }
        }
    }
    writeln!(out, "{id:width$}  {}", if recount.agrees() { "agrees" } else { "DIFFERS" })
}

/// One figure, as kept and as counted again.
struct Figure {
    name: String,
    kept: u64,
    recounted: u64,
}

/// The votes by option, the voters and the ballots.
fn figures(kept: &VoteCounts, recounted: &VoteCounts) -> Vec<Figure> {
    let figure = |name: &str, of: &dyn Fn(&VoteCounts) -> u64| Figure {
        name: name.to_owned(),
        kept: of(kept),
        recounted: of(recounted),
    };
    let options = 0..kept.votes.len().max(recounted.votes.len());
    let votes = |option| move |figures: &VoteCounts| figures.votes.get(option).copied().unwrap_or(0);
    let mut all: Vec<_> = options.map(|option| figure(&option_key(option).to_string(), &votes(option))).collect();
    all.push(figure("voters", &|figures| figures.voters));
    all.push(figure("ballots", &|figures| figures.ballots));
    all
}

impl Figure {
    fn agrees(&self) -> bool {
        self.kept == self.recounted
    }

    fn line(&self, poll: &str, width: usize, whose: &str, out: &mut impl Write) -> io::Result<()> {
        let name = format!("{}{whose}", self.name);
        let verdict = if self.agrees() { "" } else { "  DIFFERS" };
        writeln!(out, "{poll:width$}  {name:8}  {:>12}  {:>12}{verdict}", self.kept, self.recounted)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Gap, InstallationId, Partition, PollId, Position, TileNumber, TreeFault, TreeId};

    use super::*;

    fn counts(votes: &[u64], voters: u64, counted: u64) -> VoteCounts {
        VoteCounts { votes: votes.to_vec(), voters, ballots: counted }
    }

    fn recount(partition: u16, kept: VoteCounts, recounted: VoteCounts) -> Recount {
        Recount { poll: PollId::MAIN, partition: Partition::new(partition), round: 1, kept, recounted }
    }

    fn tree(faults: Vec<TreeFault>) -> TreeRecount {
        let installation = InstallationId::new("7b1f");
        let tree = TreeId { installation, poll: PollId::MAIN, round: 1, partition: 0, partitions: 1, generation: 0 };
        TreeRecount { tree, faults }
    }

    fn printed(audit: &Audit) -> (bool, String) {
        let mut out = Vec::new();
        let agrees = report(audit, &mut out).unwrap();
        (agrees, String::from_utf8(out).unwrap())
    }

    #[test]
    fn figures_that_agree_are_shown_and_so_is_what_was_never_counted() {
        let same = counts(&[12, 3], 15, 17);
        let audit = Audit {
            recounts: vec![recount(0, same.clone(), same)],
            gaps: [None, Some(1_024)]
                .map(|ballots| Gap {
                    partition: Partition::new(0),
                    after: Position::new(1_000, 1).unwrap(),
                    through: Position::new(2_000, 0).unwrap(),
                    ballots,
                })
                .to_vec(),
            rejected: 2,
            trees: vec![tree(Vec::new())],
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
             trees that agree with their ballots: 1 of 1\n\
             gap: partition 0, after 1000-1 through 2000-0, was never counted\n\
             gap: partition 0, after 1000-1 through 2000-0, at least 1024 ballots were never counted\n\
             rejected entries: 2\n\
             1 poll agrees\n"
        );
    }

    #[test]
    fn a_tree_that_differs_is_named_and_fails_the_recount() {
        let same = counts(&[12, 3], 15, 17);
        let faults = (0..12).map(|index| TreeFault::Tile(TileNumber { level: 0, index })).collect();
        let audit = Audit {
            recounts: vec![recount(0, same.clone(), same)],
            trees: vec![tree(Vec::new()), tree(faults)],
            ..Audit::default()
        };
        let (agrees, text) = printed(&audit);
        assert!(!agrees);
        assert!(text.contains("tree scrutin/7b1f/main/1/0/0: tile 9 of level 0 is another\n"), "{text}");
        assert!(!text.contains("tile 10"), "{text}");
        assert!(text.contains("tree scrutin/7b1f/main/1/0/0: and 2 more\n"), "{text}");
        assert!(text.contains("trees that agree with their ballots: 1 of 2\n"), "{text}");
        assert!(text.ends_with("1 poll agrees\n1 of 2 trees DIFFERS\n"), "{text}");
    }

    #[test]
    fn one_figure_that_differs_is_pointed_at_and_fails_the_recount() {
        let audit = Audit {
            recounts: vec![recount(0, counts(&[12, 4], 15, 17), counts(&[12, 3], 15, 17))],
            ..Audit::default()
        };
        let (agrees, text) = printed(&audit);
        assert!(!agrees);
        assert!(text.contains("main  b                    4             3  DIFFERS\n"), "{text}");
        assert!(text.contains("main  a                   12            12\n"), "{text}");
        assert!(text.ends_with("1 of 1 DIFFERS\n"), "{text}");
    }

    #[test]
    fn a_partition_that_differs_is_named_also_where_the_sums_agree() {
        let audit = Audit {
            recounts: vec![
                recount(0, counts(&[5, 1], 6, 6), counts(&[5, 1], 6, 6)),
                recount(1, counts(&[4, 1], 5, 6), counts(&[3, 1], 5, 6)),
                recount(2, counts(&[3, 1], 4, 5), counts(&[4, 1], 4, 5)),
            ],
            ..Audit::default()
        };
        let (agrees, text) = printed(&audit);
        assert!(!agrees);
        assert_eq!(
            text,
            "poll  figure            kept     recounted\n\
             main  a                   12            12\n\
             main  b                    3             3\n\
             main  voters              15            15\n\
             main  ballots             17            17\n\
             main  a in partition 1             4             3  DIFFERS\n\
             main  a in partition 2             3             4  DIFFERS\n\
             main  DIFFERS\n\
             rejected entries: 0\n\
             1 of 1 DIFFERS\n"
        );
    }
}
