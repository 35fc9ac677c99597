//! Whether a tally can be explained by what the voters know. No I/O.
//!
//! A voter whose ballots were all acknowledged counts for the last of them only. A voter with a ballot of unknown
//! outcome may count for one of a few options, or for none. So each voter has a set of outcomes that keep the promise.
//! A tally keeps it if each voter can be given one outcome of their set so that the sum is the tally. This is a flow
//! in a small network (voters with the same set are one node), and the maximum flow decides it exactly.

use std::collections::BTreeMap;

/// The outcome "this voter has no ballot that counts"; options are 0 to 25.
const NONE: usize = 26;
const OUTCOMES: usize = NONE + 1;

/// The outcomes of one voter that keep the promise, as a bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcomes(u32);

impl Outcomes {
    /// No ballot of this voter was ever acknowledged, or sent with an unknown outcome.
    pub const NOT_VOTED: Self = Self(1 << NONE);

    /// What may be counted for a voter: `acknowledged` is the option of the last acknowledged ballot, `unknown`
    /// those of all ballots that may still come to count, as a bit set. A ballot to which nothing came back may arrive
    /// late, so that also one that was sent before the last acknowledged one may count in its place.
    pub fn of(acknowledged: Option<u8>, unknown: u32) -> Self {
        Self(unknown | acknowledged.map_or(1 << NONE, |option| 1 << option))
    }

    /// The same for a voter of whom one of the ballots without an answer (`unknown`, not empty) must count.
    pub fn without_none(unknown: u32) -> Self {
        Self(unknown)
    }

    /// Whether there is just one.
    pub fn is_certain(self) -> bool {
        self.0.is_power_of_two()
    }

    fn has(self, outcome: usize) -> bool {
        self.0 & (1 << outcome) != 0
    }
}

/// A tally: what voters who came during the crowd's time added to each option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Votes by option.
    pub votes: Vec<i64>,
    /// Turnout.
    pub voters: i64,
}

/// The least and the most that keep the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All voters that must count here.
    pub least: u64,
    /// Those, and all that may.
    pub most: u64,
}

impl Bounds {
    /// Whether a figure is within.
    pub fn hold(self, figure: i64) -> bool {
        u64::try_from(figure).is_ok_and(|figure| (self.least..=self.most).contains(&figure))
    }
}

/// What all voters know, together.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    groups: BTreeMap<Outcomes, u64>,
}

impl FromIterator<Outcomes> for Expected {
    fn from_iter<I: IntoIterator<Item = Outcomes>>(voters: I) -> Self {
        let mut groups = BTreeMap::new();
        for outcomes in voters {
            *groups.entry(outcomes).or_default() += 1;
        }
        Self { groups }
    }
}

impl Expected {
    /// How many voters there are.
    pub fn voters(&self) -> u64 {
        self.groups.values().sum()
    }

    /// How many voters may count for more than one outcome.
    pub fn uncertain(&self) -> u64 {
        self.groups.iter().filter(|(outcomes, _)| !outcomes.is_certain()).map(|(_, voters)| voters).sum()
    }

    /// The least and the most votes for an option.
    pub fn option(&self, option: u8) -> Bounds {
        self.bounds(usize::from(option))
    }

    /// The least and the most that the turnout can be.
    pub fn turnout(&self) -> Bounds {
        let Bounds { least, most } = self.bounds(NONE);
        Bounds { least: self.voters() - most, most: self.voters() - least }
    }

    fn bounds(&self, outcome: usize) -> Bounds {
        let sum = |wanted: &dyn Fn(Outcomes) -> bool| {
            self.groups.iter().filter(|(outcomes, _)| wanted(**outcomes)).map(|(_, voters)| voters).sum()
        };
        Bounds {
            least: sum(&|outcomes| outcomes == Outcomes(1 << outcome)),
            most: sum(&|outcomes| outcomes.has(outcome)),
        }
    }

    /// How many voters get no outcome if as many as possible get one of theirs within the tally; 0 if the tally keeps
    /// the promise. Votes that no voter explains are added.
    pub fn unexplained(&self, counted: &Counted) -> u64 {
        let room = |figure: i64| u64::try_from(figure).unwrap_or(0);
        let mut rooms = [0; OUTCOMES];
        for (place, votes) in rooms.iter_mut().zip(&counted.votes) {
            *place = room(*votes);
        }
        rooms[NONE] = room(i64::try_from(self.voters()).unwrap_or(i64::MAX) - counted.voters);
        let explained = largest_flow(&self.groups, rooms);
        let negative = counted.votes.iter().filter(|votes| **votes < 0).map(|votes| votes.unsigned_abs()).sum::<u64>();
        let beyond = rooms.iter().sum::<u64>() - explained;
        (self.voters() - explained).max(beyond).max(negative)
    }
}

/// How many voters can be given an outcome of their set, with at most `rooms` of each outcome.
fn largest_flow(groups: &BTreeMap<Outcomes, u64>, mut rooms: [u64; OUTCOMES]) -> u64 {
    let groups: Vec<_> = groups.iter().map(|(outcomes, voters)| (*outcomes, *voters)).collect();
    let mut given = vec![[0_u64; OUTCOMES]; groups.len()];
    let mut total = 0;
    for group in 0..groups.len() {
        let mut waiting = groups[group].1;
        // Each round fills a room, or moves all of one group's voters out of one: so there are few of them.
        while waiting > 0 {
            let Some(path) = path_to_room(&groups, &given, &rooms, group) else { break };
            let moved = path.windows(2).map(|pair| given[pair[1].0][pair[0].1]).min().unwrap_or(u64::MAX);
            let last = path.last().expect("a path has a step").1;
            let moved = moved.min(waiting).min(rooms[last]);
            for (step, &(from, outcome)) in path.iter().enumerate() {
                given[from][outcome] += moved;
                if step > 0 {
                    given[from][path[step - 1].1] -= moved;
                }
            }
            rooms[last] -= moved;
            waiting -= moved;
            total += moved;
        }
    }
    total
}

/// The shortest way from a group to an outcome with room: the group takes the first outcome, the group that it
/// pushes out of it takes the next, and so on. Steps are (group, the outcome it takes).
fn path_to_room(
    groups: &[(Outcomes, u64)],
    given: &[[u64; OUTCOMES]],
    rooms: &[u64; OUTCOMES],
    first: usize,
) -> Option<Vec<(usize, usize)>> {
    // For each outcome: the group that would take it, and the outcome which that group leaves.
    let mut reached: [Option<(usize, Option<usize>)>; OUTCOMES] = [None; OUTCOMES];
    let mut seen = vec![false; groups.len()];
    seen[first] = true;
    let mut queue = std::collections::VecDeque::from([(first, None)]);
    while let Some((group, left)) = queue.pop_front() {
        for outcome in (0..OUTCOMES).filter(|&outcome| groups[group].0.has(outcome)) {
            if reached[outcome].is_some() {
                continue;
            }
            reached[outcome] = Some((group, left));
            if rooms[outcome] > 0 {
                return Some(way_back(&reached, outcome));
            }
            for other in 0..groups.len() {
                if !seen[other] && given[other][outcome] > 0 {
                    seen[other] = true;
                    queue.push_back((other, Some(outcome)));
                }
            }
        }
    }
    None
}

fn way_back(reached: &[Option<(usize, Option<usize>)>; OUTCOMES], last: usize) -> Vec<(usize, usize)> {
    let mut path = Vec::new();
    let mut outcome = Some(last);
    while let Some(here) = outcome {
        let (group, left) = reached[here].expect("the way was walked here");
        path.push((group, here));
        outcome = left;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(voters: &[(Option<u8>, &[u8])]) -> Expected {
        let bits = |options: &[u8]| options.iter().fold(0, |bits, option| bits | 1 << option);
        voters.iter().map(|(acknowledged, unknown)| Outcomes::of(*acknowledged, bits(unknown))).collect()
    }

    fn counted(votes: &[i64], voters: i64) -> Counted {
        Counted { votes: votes.to_vec(), voters }
    }

    #[test]
    fn only_the_one_right_tally_explains_voters_who_know() {
        let expected = expected(&[(Some(0), &[]), (Some(0), &[]), (Some(1), &[]), (None, &[])]);
        assert_eq!(expected.option(0), Bounds { least: 2, most: 2 });
        assert_eq!(expected.turnout(), Bounds { least: 3, most: 3 });
        assert_eq!(expected.unexplained(&counted(&[2, 1], 3)), 0);
        for (wrong, voters) in
            [([1, 1], 2), ([1, 1], 3), ([3, 1], 4), ([3, 1], 3), ([1, 2], 3), ([2, 1], 4), ([-2, 5], 3)]
        {
            assert_ne!(expected.unexplained(&counted(&wrong, voters)), 0, "{wrong:?} {voters}");
        }
    }

    #[test]
    fn an_unknown_ballot_may_count_or_not_and_at_most_once() {
        let expected = expected(&[(Some(0), &[]), (None, &[1])]);
        assert_eq!(expected.option(1), Bounds { least: 0, most: 1 });
        assert_eq!(expected.turnout(), Bounds { least: 1, most: 2 });
        assert_eq!(expected.unexplained(&counted(&[1, 0], 1)), 0);
        assert_eq!(expected.unexplained(&counted(&[1, 1], 2)), 0);
        assert_eq!(expected.unexplained(&counted(&[1, 2], 3)), 1);
        assert_eq!(expected.unexplained(&counted(&[0, 1], 1)), 1, "the acknowledged one is missing");
    }

    #[test]
    fn a_change_of_mind_without_an_answer_counts_for_one_of_both() {
        let expected = expected(&[(Some(0), &[1])]);
        assert_eq!(expected.unexplained(&counted(&[1, 0], 1)), 0);
        assert_eq!(expected.unexplained(&counted(&[0, 1], 1)), 0);
        assert_eq!(expected.unexplained(&counted(&[1, 1], 2)), 1);
        assert_eq!(expected.unexplained(&counted(&[0, 0], 0)), 1);
    }

    #[test]
    fn a_retry_of_the_same_choice_leaves_nothing_uncertain() {
        assert_eq!(expected(&[(Some(2), &[2])]).uncertain(), 0);
    }

    // Each option alone is within its bounds, and still no way of giving each voter one outcome adds up.
    #[test]
    fn bounds_that_hold_one_by_one_may_not_hold_together() {
        let expected = expected(&[(Some(0), &[1]), (Some(0), &[1]), (Some(2), &[3])]);
        let tally = counted(&[0, 1, 1, 1], 3);
        for option in 0..4 {
            assert!(expected.option(option).hold(tally.votes[usize::from(option)]));
        }
        assert!(expected.turnout().hold(tally.voters));
        assert_eq!(expected.unexplained(&tally), 1);
    }

    #[test]
    fn voters_are_moved_along_chains_to_make_room() {
        // a|b, b|c, c|d: the tally b, c, d is explained only if each takes the second.
        let expected = expected(&[(Some(0), &[1]), (Some(1), &[2]), (Some(2), &[3])]);
        assert_eq!(expected.unexplained(&counted(&[0, 1, 1, 1], 3)), 0);
        assert_eq!(expected.unexplained(&counted(&[1, 1, 1, 0], 3)), 0);
        assert_eq!(expected.unexplained(&counted(&[2, 1, 0, 0], 3)), 1);
    }

    /// The same decided by trying everything.
    fn explained_by_trying(voters: &[Outcomes], votes: &mut Vec<i64>) -> bool {
        let Some((first, rest)) = voters.split_first() else { return votes.iter().all(|&left| left == 0) };
        (0..votes.len()).any(|place| {
            let outcome = if place + 1 == votes.len() { NONE } else { place };
            if !first.has(outcome) || votes[place] == 0 {
                return false;
            }
            votes[place] -= 1;
            let explained = explained_by_trying(rest, votes);
            votes[place] += 1;
            explained
        })
    }

    #[test]
    fn the_flow_decides_as_trying_everything_does() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..3_000 {
            let voters: Vec<_> = (0..random.usize(1..7))
                .map(|_| Outcomes::of(random.bool().then(|| random.u8(0..3)), random.u32(0..8) & random.u32(0..8)))
                .collect();
            let votes: Vec<_> = (0..3).map(|_| random.i64(0..4)).collect();
            let turnout: i64 = votes.iter().sum();
            let none = i64::try_from(voters.len()).unwrap() - turnout;
            let by_trying = none >= 0 && explained_by_trying(&voters, &mut [votes.clone(), vec![none]].concat());
            let expected: Expected = voters.iter().copied().collect();
            let by_flow = expected.unexplained(&counted(&votes, turnout)) == 0;
            assert_eq!(by_flow, by_trying, "{voters:?} {votes:?}");
            *(if by_flow { &mut good } else { &mut bad }) += 1;
        }
        assert!(good > 200 && bad > 200, "both happen: {good} {bad}");
    }
}
