//! The faults that can be injected, and how they are drawn.

use std::{fmt, time::Duration};

/// The target of a fault. It gets no other fault before it has recovered from the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One of our programs, by its index in the cluster.
    Program(usize),
    /// The connections of one of our programs to its servers.
    Link(usize),
    Redis,
    Postgres,
}

/// A fault of the services or their servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// `kill -9`. The process is started again when the time is over, as a supervisor would do.
    Kill,
    /// SIGSTOP until the time is over.
    Stop,
    /// All connections, also new ones, are cut until the time is over.
    Cut,
    /// Open connections are cut once.
    CutOnce,
    /// Everything is delayed by this many milliseconds.
    Slow(u64),
    /// Nothing arrives until the time is over.
    Freeze,
    /// The disk is full until the time is over.
    FillDisk,
}

/// A fault with its target and duration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Injection {
    pub(crate) target: Target,
    pub(crate) fault: InjectedFault,
    pub(crate) lasts: Duration,
}

/// The possible targets, and their state.
pub(crate) struct Cluster<'a> {
    /// Our programs, by name; each has a link.
    pub(crate) programs: &'a [String],
    /// Which of them lead a partition.
    pub(crate) leading: &'a [usize],
    /// Whether the servers' disks can be filled.
    pub(crate) disks: bool,
    /// The targets that have not recovered yet.
    pub(crate) hit: &'a [Target],
}

impl Cluster<'_> {
    /// Draws the next fault; `None` if its target has not recovered.
    ///
    /// Each fault has its own generator, so that the state of the cluster at one fault does not change later faults.
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> Option<Injection> {
        let mut random = random.fork();
        let program = random.usize(0..self.programs.len());
        let any_link = random.usize(0..self.programs.len());
        let on_leader = random.u8(0..4) == 0; // so that a standby takes over
        let link = self.leading.first().copied().filter(|_| on_leader).unwrap_or(any_link);
        let faults = [
            InjectedFault::Cut,
            InjectedFault::CutOnce,
            InjectedFault::Slow(random.u64(5..400)),
            InjectedFault::Freeze,
        ];
        let on_link = faults[random.usize(0..faults.len())];
        let (target, fault) = match random.u8(0..21) {
            0..=4 => (Target::Program(program), InjectedFault::Kill),
            5..=7 => (Target::Program(program), InjectedFault::Stop),
            8..=13 => (Target::Link(link), on_link),
            14 => (Target::Redis, InjectedFault::Kill),
            15 => (Target::Redis, InjectedFault::Stop),
            16 | 17 => (Target::Postgres, InjectedFault::Kill),
            18 => (Target::Postgres, InjectedFault::Stop),
            19 if self.disks => (Target::Redis, InjectedFault::FillDisk),
            20 if self.disks => (Target::Postgres, InjectedFault::FillDisk),
            _ => return None,
        };
        let lasts = Duration::from_millis(match fault {
            InjectedFault::CutOnce => 0,
            InjectedFault::Kill => random.u64(0..3_000),
            _ => random.u64(500..8_000),
        });
        (!self.hit.contains(&target)).then_some(Injection { target, fault, lasts })
    }

    /// The name of a target.
    pub(crate) fn name(&self, target: Target) -> String {
        match target {
            Target::Program(number) => self.programs[number].clone(),
            Target::Link(number) => format!("the connections of {}", self.programs[number]),
            Target::Redis => "Redis".to_owned(),
            Target::Postgres => "PostgreSQL".to_owned(),
        }
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill -9"),
            Self::Stop => f.write_str("stop"),
            Self::Cut => f.write_str("cut and keep cut"),
            Self::CutOnce => f.write_str("cut"),
            Self::Slow(ms) => write!(f, "slow down by {ms} ms"),
            Self::Freeze => f.write_str("freeze"),
            Self::FillDisk => f.write_str("fill the disk of"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_blows_and_none_on_what_is_struck() {
        let programs = ["vote 1".to_owned(), "worker 1".to_owned()];
        let hit = [Target::Redis, Target::Program(0)];
        let cluster = Cluster { programs: &programs, leading: &[1], disks: true, hit: &hit };
        let draw = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..500).map(|_| cluster.draw(&mut random)).collect::<Vec<_>>()
        };
        let (drawn, again) = (draw(1), draw(1));
        assert_eq!(format!("{drawn:?}"), format!("{again:?}"));
        let targets: Vec<_> = drawn.iter().flatten().map(|injection| injection.target).collect();
        assert!(targets.iter().all(|target| !hit.contains(target)));
        for target in [Target::Program(1), Target::Link(0), Target::Link(1), Target::Postgres] {
            assert!(targets.contains(&target), "{target:?}");
        }
    }
    #[test]
    fn what_a_blow_finds_on_the_stage_changes_none_of_those_after_it() {
        let programs = ["vote 1".to_owned(), "worker 1".to_owned(), "worker 2".to_owned()];
        let drawn = |leading: &[usize], hit: &[Target]| {
            let cluster = Cluster { programs: &programs, leading, disks: true, hit };
            let mut random = fastrand::Rng::with_seed(2);
            (0..500).map(|_| cluster.draw(&mut random)).collect::<Vec<_>>()
        };
        let undisturbed = drawn(&[1], &[]);
        for others in [drawn(&[], &[]), drawn(&[2], &[]), drawn(&[1], &[Target::Redis, Target::Program(0)])] {
            let pairs = undisturbed.iter().zip(&others).filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
            let told = |injection: &Injection| format!("{} for {:?}", injection.fault, injection.lasts);
            assert!(pairs.clone().count() > 300 && pairs.clone().all(|(one, other)| told(one) == told(other)));
        }
    }
}
