//! The final report: measurements, and each part of the promise with what was expected and what was found.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::measurements::Latency;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which poll.
    pub poll: String,
    /// Repeats the run.
    pub seed: u64,
    /// How long the voting went on.
    pub voting_seconds: f64,
    /// How many voters voted.
    pub voters: u64,
    /// The outcomes of their ballots.
    pub ballots: Ballots,
    /// The page with the form, from when it was due.
    pub page: Latency,
    /// From sending a ballot to a screen that shows it; for those that none showed, until they were given up.
    pub cast_to_screen: Latency,
    /// Probes whose ballot no screen showed within 30 s.
    pub never_on_screen: u64,
    /// The screens.
    pub viewers: Viewers,
    /// The most ballots accepted and not counted, of what was seen once a second.
    pub most_lag: i64,
    /// Everything that went wrong, by kind. Errors break no promise.
    pub errors: BTreeMap<String, u64>,
    /// The promise, part by part.
    pub promise: Vec<Check>,
    /// Whether all of it was kept.
    pub kept: bool,
}

/// The outcomes of the ballots.
#[derive(Clone, Debug, Serialize)]
pub struct Ballots {
    /// Acknowledged.
    pub acknowledged: u64,
    /// The same, for each second of voting.
    pub acknowledged_per_second: f64,
    /// Sent, and not known whether they were recorded.
    pub unknown: u64,
    /// Due, and not cast because all voters were busy: too few voters for the rate, or a slow server.
    pub nobody_free: u64,
    /// From when a ballot was due to its acknowledgement, all retries included.
    pub latency: Latency,
}

/// What the screens saw.
#[derive(Clone, Debug, Serialize)]
pub struct Viewers {
    /// How many there were.
    pub count: usize,
    /// Frames with scores, over all.
    pub frames: u64,
    /// Connections lost.
    pub lost: u64,
    /// From the acknowledgement of the last ballot to when the last screen showed what was final; none if some never
    /// did.
    pub all_final_after_ms: Option<f64>,
}

/// One part of the promise.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What is promised.
    pub what: String,
    /// What keeps it.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Whether it was kept.
    pub kept: bool,
}

impl Check {
    pub(crate) fn new(
        what: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
        kept: bool,
    ) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string(), kept }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\npoll {}, {} voters, {:.1} s of voting, seed {}\n",
            self.poll, self.voters, self.voting_seconds, self.seed
        )?;
        writeln!(
            f,
            "{:<28} {:>10} {:>10} {:>10} {:>10} {:>10}",
            "latency in ms", "count", "p50", "p99", "p99.9", "max"
        )?;
        self.latency(f, "page, from when due", self.page)?;
        self.latency(f, "ballot, due to recorded", self.ballots.latency)?;
        self.latency(f, "ballot, cast to screen", self.cast_to_screen)?;
        writeln!(f)?;
        let line = |f: &mut fmt::Formatter<'_>, what: &str, figure: String| writeln!(f, "{what:<28} {figure:>10}");
        line(f, "ballots acknowledged", self.ballots.acknowledged.to_string())?;
        line(f, "  a second", format!("{:.0}", self.ballots.acknowledged_per_second))?;
        line(f, "ballots, outcome unknown", self.ballots.unknown.to_string())?;
        line(f, "ballots, no voter free", self.ballots.nobody_free.to_string())?;
        line(f, "most lag seen", self.most_lag.to_string())?;
        line(f, "screens", self.viewers.count.to_string())?;
        line(f, "  connections lost", self.viewers.lost.to_string())?;
        line(f, "  frames received", self.viewers.frames.to_string())?;
        let all_final = self.viewers.all_final_after_ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0}"));
        line(f, "  all final after, ms", all_final)?;
        line(f, "  a probe never seen", self.never_on_screen.to_string())?;
        for (kind, count) in &self.errors {
            line(f, &format!("error: {kind}"), count.to_string())?;
        }
        self.promise(f)
    }
}

impl Report {
    #[expect(clippy::unused_self, reason = "a part of the table")]
    fn latency(&self, f: &mut fmt::Formatter<'_>, what: &str, latency: Latency) -> fmt::Result {
        let Latency { count, p50_ms, p99_ms, p999_ms, max_ms } = latency;
        writeln!(f, "{what:<28} {count:>10} {p50_ms:>10.1} {p99_ms:>10.1} {p999_ms:>10.1} {max_ms:>10.1}")
    }

    fn promise(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = |text: fn(&Check) -> &str, title: &str| {
            self.promise.iter().map(|check| text(check).chars().count()).max().unwrap_or(0).max(title.len())
        };
        let (what, expected) = (wide(|check| &check.what, "the promise"), wide(|check| &check.expected, "expected"));
        writeln!(f, "\n     {:<what$}  {:>expected$}  found", "the promise", "expected")?;
        for check in &self.promise {
            let mark = if check.kept { "ok  " } else { "FAIL" };
            writeln!(f, "{mark} {:<what$}  {:>expected$}  {}", check.what, check.expected, check.found)?;
        }
        let verdict = if self.kept { "The promise was kept." } else { "THE PROMISE WAS BROKEN." };
        write!(f, "\n{verdict}")
    }
}
