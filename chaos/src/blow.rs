//! The blows that may fall, and how they are drawn.

use std::{fmt, time::Duration};

/// What a blow falls on. Nothing is hit again before it has recovered from the last blow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One of our programs, by its place on the stage.
    Program(usize),
    /// The connections of one of our programs to its servers.
    Link(usize),
    Redis,
    Postgres,
}

/// What falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// `kill -9`; it is started again when the time is over, as a supervisor would.
    Kill,
    /// SIGSTOP until the time is over.
    Stop,
    /// Connections are cut, and new ones too, until the time is over.
    Cut,
    /// Connections are cut once.
    CutOnce,
    /// Everything takes so many milliseconds longer on its way.
    Slow(u64),
    /// Nothing arrives until the time is over.
    Freeze,
    /// The disk is full until the time is over.
    FillDisk,
}

/// A blow, on something, for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strike {
    pub(crate) target: Target,
    pub(crate) blow: Blow,
    pub(crate) lasts: Duration,
}

/// What can be hit.
pub(crate) struct Stage<'a> {
    /// Our programs, by name; each has a link.
    pub(crate) programs: &'a [String],
    /// Which of them lead a partition.
    pub(crate) leading: &'a [usize],
    /// Whether the servers' disks can be filled.
    pub(crate) disks: bool,
    /// What has not recovered yet.
    pub(crate) struck: &'a [Target],
}

impl Stage<'_> {
    /// Draws the next blow; `None` if it would fall on something that has not recovered.
    ///
    /// Each has a generator of its own, so that what one blow found on the stage changes none of those after it.
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> Option<Strike> {
        let mut random = random.fork();
        let program = random.usize(0..self.programs.len());
        let any_link = random.usize(0..self.programs.len());
        let on_leader = random.u8(0..4) == 0; // so that a standby takes over
        let link = self.leading.first().copied().filter(|_| on_leader).unwrap_or(any_link);
        let blows = [Blow::Cut, Blow::CutOnce, Blow::Slow(random.u64(5..400)), Blow::Freeze];
        let on_link = blows[random.usize(0..blows.len())];
        let (target, blow) = match random.u8(0..21) {
            0..=4 => (Target::Program(program), Blow::Kill),
            5..=7 => (Target::Program(program), Blow::Stop),
            8..=13 => (Target::Link(link), on_link),
            14 => (Target::Redis, Blow::Kill),
            15 => (Target::Redis, Blow::Stop),
            16 | 17 => (Target::Postgres, Blow::Kill),
            18 => (Target::Postgres, Blow::Stop),
            19 if self.disks => (Target::Redis, Blow::FillDisk),
            20 if self.disks => (Target::Postgres, Blow::FillDisk),
            _ => return None,
        };
        let lasts = Duration::from_millis(match blow {
            Blow::CutOnce => 0,
            Blow::Kill => random.u64(0..3_000),
            _ => random.u64(500..8_000),
        });
        (!self.struck.contains(&target)).then_some(Strike { target, blow, lasts })
    }

    /// The name of what a blow falls on.
    pub(crate) fn name(&self, target: Target) -> String {
        match target {
            Target::Program(number) => self.programs[number].clone(),
            Target::Link(number) => format!("the connections of {}", self.programs[number]),
            Target::Redis => "Redis".to_owned(),
            Target::Postgres => "PostgreSQL".to_owned(),
        }
    }
}

impl fmt::Display for Blow {
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
        let struck = [Target::Redis, Target::Program(0)];
        let stage = Stage { programs: &programs, leading: &[1], disks: true, struck: &struck };
        let draw = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..500).map(|_| stage.draw(&mut random)).collect::<Vec<_>>()
        };
        let (drawn, again) = (draw(1), draw(1));
        assert_eq!(format!("{drawn:?}"), format!("{again:?}"));
        let targets: Vec<_> = drawn.iter().flatten().map(|strike| strike.target).collect();
        assert!(targets.iter().all(|target| !struck.contains(target)));
        for target in [Target::Program(1), Target::Link(0), Target::Link(1), Target::Postgres] {
            assert!(targets.contains(&target), "{target:?}");
        }
    }
    #[test]
    fn what_a_blow_finds_on_the_stage_changes_none_of_those_after_it() {
        let programs = ["vote 1".to_owned(), "worker 1".to_owned(), "worker 2".to_owned()];
        let drawn = |leading: &[usize], struck: &[Target]| {
            let stage = Stage { programs: &programs, leading, disks: true, struck };
            let mut random = fastrand::Rng::with_seed(2);
            (0..500).map(|_| stage.draw(&mut random)).collect::<Vec<_>>()
        };
        let undisturbed = drawn(&[1], &[]);
        for others in [drawn(&[], &[]), drawn(&[2], &[]), drawn(&[1], &[Target::Redis, Target::Program(0)])] {
            let pairs = undisturbed.iter().zip(&others).filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
            let told = |strike: &Strike| format!("{} for {:?}", strike.blow, strike.lasts);
            assert!(pairs.clone().count() > 300 && pairs.clone().all(|(one, other)| told(one) == told(other)));
        }
    }
}
