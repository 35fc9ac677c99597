//! Which ballots replace which: each voter's ballots are a chain, of which only the last counts.

use domain::BallotMark;

use super::finding::FindingKind;

/// One ballot, as far as chains are concerned; 33 bytes.
pub(super) struct BallotLink {
    pub(super) mark: BallotMark,
    pub(super) replaces: BallotMark,
    pub(super) counts: bool,
}

/// How many chains there are, one for each voter. What does not hold of them goes to `find`.
pub(super) fn check_chains(links: &mut [BallotLink], mut find: impl FnMut(FindingKind)) -> u64 {
    links.sort_unstable_by_key(|link| link.mark);
    for twins in links.windows(2).filter(|twins| twins[0].mark == twins[1].mark) {
        find(FindingKind::MarkTwice(twins[0].mark));
    }
    let replaced = replaced(links, &mut find);
    for (link, replaced) in links.iter().zip(&replaced) {
        match (link.counts, replaced) {
            (true, true) => find(FindingKind::ReplacedCounts(link.mark)),
            (false, false) => find(FindingKind::LeftOut(link.mark)),
            _ => {}
        }
    }
    if let Some(link) = in_a_circle(links, &replaced) {
        find(FindingKind::Circle(link.mark));
    }
    replaced.iter().filter(|replaced| !**replaced).count() as u64
}

/// Where the ballot is that this one replaces.
fn target(links: &[BallotLink], link: &BallotLink) -> Option<usize> {
    if link.replaces == BallotMark::NONE {
        return None;
    }
    links.binary_search_by_key(&link.replaces, |other| other.mark).ok()
}

/// Of each ballot, whether another replaces it.
fn replaced(links: &[BallotLink], find: &mut impl FnMut(FindingKind)) -> Vec<bool> {
    let mut replaced = vec![false; links.len()];
    for link in links.iter().filter(|link| link.replaces != BallotMark::NONE) {
        match target(links, link) {
            None => find(FindingKind::ReplacesNone(link.mark)),
            Some(index) if replaced[index] => find(FindingKind::ReplacedTwice(link.replaces)),
            Some(index) => replaced[index] = true,
        }
    }
    replaced
}

/// A ballot that can't be reached from the end of a chain.
fn in_a_circle<'a>(links: &'a [BallotLink], replaced: &[bool]) -> Option<&'a BallotLink> {
    let mut reached = vec![false; links.len()];
    for end in (0..links.len()).filter(|&index| !replaced[index]) {
        let mut next = Some(end);
        while let Some(index) = next.filter(|&index| !reached[index]) {
            reached[index] = true;
            next = target(links, &links[index]);
        }
    }
    reached.iter().position(|reached| !reached).map(|index| &links[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u8) -> BallotMark {
        BallotMark::from_bytes([number; 16])
    }

    /// `(mark, replaces, counts)`, with 0 for none.
    fn check(links: &[(u8, u8, bool)]) -> (u64, Vec<FindingKind>) {
        let link =
            |&(number, replaces, counts): &_| BallotLink { mark: mark(number), replaces: mark(replaces), counts };
        let mut links: Vec<_> = links.iter().map(link).collect();
        let mut found = Vec::new();
        let chains = check_chains(&mut links, |finding| found.push(finding));
        (chains, found)
    }

    #[test]
    fn whole_chains_are_found_in_any_order() {
        assert_eq!(check(&[]), (0, vec![]));
        assert_eq!(check(&[(7, 0, true)]), (1, vec![]));
        assert_eq!(check(&[(1, 2, true), (3, 0, false), (2, 3, false), (4, 0, true)]), (2, vec![]));
    }

    #[test]
    fn whatever_is_wrong_with_a_chain_is_found() {
        use FindingKind::*;
        assert_eq!(check(&[(1, 0, true), (1, 0, true)]).1, [MarkTwice(mark(1))]);
        assert_eq!(check(&[(1, 9, true)]).1, [ReplacesNone(mark(1))]);
        assert_eq!(check(&[(1, 3, true), (2, 3, true), (3, 0, false)]).1, [ReplacedTwice(mark(3))]);
        assert_eq!(check(&[(1, 2, true), (2, 0, true)]).1, [ReplacedCounts(mark(2))]);
        assert_eq!(check(&[(1, 0, false)]).1, [LeftOut(mark(1))]);
        assert_eq!(check(&[(1, 2, false), (2, 1, false), (3, 0, true)]), (1, vec![Circle(mark(1))]));
        assert_eq!(check(&[(1, 1, false)]).1, [Circle(mark(1))]);
    }
}
