//! One run of the crowd from beginning to end.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use program::settings::PublicUrl;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    address::{Address, AddressError},
    check,
    host::{Hosts, PollInfo, Settled},
    http_client::HttpClient,
    probe,
    progress::{ProgressLine, rate},
    publication::KeptEvidence,
    report::{Ballots, Check, Report, Viewers},
    screen::{Screen, Watching},
    screens::Screens,
    settings::Settings,
    voter::Voter,
    voting::Voting,
    voting_client::VotingClient,
};

/// How many connections are used besides the voting.
const QUESTION_CONNECTIONS: usize = 64;
/// How long the screens may take to disconnect.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// Why a run was not possible. The promise was not tested.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    /// An address is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A host does not answer, or there is no such poll.
    #[error(
        "the hosts don't both answer for poll {0}, or its tally keeps changing: does it exist? Does someone else vote?"
    )]
    NoPoll(String),
    /// A crowd can't vote in this poll or can't check it.
    #[error("poll {0} must {1}")]
    Poll(String, &'static str),
}

/// Votes and watches until the time is over or `stop` is cancelled, waits until all is counted, and checks the promise.
pub async fn run(settings: &Settings, stop: CancellationToken) -> Result<Report, Unable> {
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let hosts = Arc::new(hosts(settings)?);
    let (poll, before) = begin(&hosts, settings).await?;
    let options = u8::try_from(poll.options.len()).unwrap_or(26);
    let voting_client = Arc::new(voting_client(settings)?);

    let watching = Watching::new(addresses(&settings.result_url)?, &settings.poll);
    let mut screens = Screens::new(watching, &voting_client);
    (0..settings.viewers).for_each(|_| screens.add(Screen::default()));
    let watched: Vec<_> = (0..if poll.changes { settings.probes } else { 0 })
        .map(|_| {
            let (screen, shown) = Screen::telling_position();
            screens.add(screen);
            shown
        })
        .collect();
    let blank = screens.all_show_something(Instant::now() + settings.settle).await;

    let progress = ProgressLine::start(&voting_client, &hosts, settings.duration);
    let over = CancellationToken::new();
    let probes: Vec<_> = watched
        .into_iter()
        .map(|shown| tokio::spawn(probe::run(Arc::clone(&voting_client), shown, options, random.fork(), over.clone())))
        .collect();
    let mut voting = Voting::new(Arc::clone(&voting_client), options, poll.changes, settings, random.u64(..));
    let voting_time = voting.go_on(&stop).await;
    over.cancel();
    let mut voters = voting.finish().await;
    for probe in probes {
        voters.push(probe.await.expect("a probe does not panic"));
    }

    let mut end = End { hosts, voting_client, screens, voters, before, settings };
    let (promise, all_final) = end.check(random).await;
    drop(progress);
    let mut report = end.report(seed, voting_time, all_final, promise);
    if blank > 0 {
        let (all, shown) = (end.screens.count(), end.screens.count() - blank);
        report.promise.push(Check::new("screens that showed scores before the voting", all, shown, false));
    }
    report.kept = report.promise.iter().all(|check| check.kept);
    end.screens.close(CLOSING_LIMIT).await;
    Ok(report)
}

/// The poll, if a crowd can vote in it and check it, once everything accepted is counted.
async fn begin(hosts: &Hosts, settings: &Settings) -> Result<(PollInfo, Settled), Unable> {
    let named = || settings.poll.clone();
    let deadline = Instant::now() + settings.settle;
    let mut before = hosts.all_counted(deadline).await.map_err(|_| Unable::NoPoll(named()))?;
    while !hosts.is_quiet_since(&before).await {
        before = hosts.all_counted(deadline).await.map_err(|_| Unable::NoPoll(named()))?;
        if Instant::now() > deadline {
            return Err(Unable::NoPoll(named()));
        }
    }
    let poll = hosts.poll().await.ok_or_else(|| Unable::NoPoll(named()))?;
    let must = |what| Err(Unable::Poll(named(), what));
    match () {
        () if poll.state != "open" => must("be open"),
        () if poll.results != "live" => must("have live results: the crowd can't check what it is not shown"),
        () if poll.access != "anyone" => must("take ballots without voting codes"),
        () => Ok((poll, before)),
    }
}

fn addresses(urls: &[PublicUrl]) -> Result<Vec<Address>, AddressError> {
    urls.iter().map(Address::of).collect()
}

fn hosts(settings: &Settings) -> Result<Hosts, AddressError> {
    let client =
        |urls| Ok::<_, AddressError>(HttpClient::new(addresses(urls)?, QUESTION_CONNECTIONS, settings.timeout));
    let (vote, result) = (client(&settings.vote_url)?, client(&settings.result_url)?);
    Ok(Hosts { vote, result, poll: settings.poll.clone() })
}

fn voting_client(settings: &Settings) -> Result<VotingClient, AddressError> {
    let connections = usize::try_from(settings.connections).expect("32 bits fit");
    let client = HttpClient::new(addresses(&settings.vote_url)?, connections, settings.timeout);
    Ok(VotingClient::new(client, &settings.poll, settings.retries))
}

/// The state when the voting has ended.
struct End<'a> {
    hosts: Arc<Hosts>,
    voting_client: Arc<VotingClient>,
    screens: Screens,
    voters: Vec<Voter>,
    before: Settled,
    settings: &'a Settings,
}

impl End<'_> {
    /// Waits until everything is counted and shown, and checks the promise. Also returns when all screens were final.
    async fn check(&mut self, mut random: fastrand::Rng) -> (Vec<Check>, Option<Instant>) {
        let figures = &self.voting_client.measurements;
        let Some((after, others)) = self.settled().await else {
            let nothing = Check::new("both hosts answer at the end", "a tally", "no answer", false);
            return (vec![nothing], None);
        };
        let all_final = self.screens.all_showed(&after.tally);
        let (acknowledged, unknown) = (figures.acknowledged.load(Relaxed), figures.unknown.load(Relaxed));
        let mut checks = vec![check::counted(&after), check::accepted(&self.before, &after, acknowledged, unknown)];
        let deadline = Instant::now() + self.settings.settle;
        let (expected, told) = check::expected(&self.hosts, &self.voters, deadline).await;
        checks.extend(check::tally(&self.before, &after, &expected));
        checks.push(told);
        let forked = random.fork();
        checks.push(check::receipts(&self.hosts, &self.voters, self.settings.receipts, forked, deadline).await);
        let all = self.screens.count();
        let example = self.screens.other_than(&after.tally).filter(|_| others > 0);
        let found = format!("{}{}", all - others, example.map(|one| format!(" ({one})")).unwrap_or_default());
        checks.push(Check::new("screens that show this tally", all, found, others == 0));
        if !self.settings.published_within.is_zero() {
            checks.extend(self.publication(&after, random).await);
        }
        (checks, all_final)
    }

    /// Keeps what voters and screens may, waits for the publication, and verifies it.
    async fn publication(&self, after: &Settled, mut random: fastrand::Rng) -> Vec<Check> {
        let deadline = Instant::now() + self.settings.published_within;
        let sample = self.settings.receipts;
        let kept = KeptEvidence::fetch(&self.hosts, &self.voters, sample, &mut random, deadline).await;
        let result = self.settings.result_url.first().map(PublicUrl::as_str).unwrap_or_default();
        let page = format!("{}/p/{}", result.trim_end_matches('/'), self.settings.poll);
        kept.check(&self.hosts, page, &after.tally, deadline).await
    }

    /// Waits until everything is counted and shown on every screen, and nothing changes. Returns what both hosts answer
    /// then, and how many screens show something else.
    async fn settled(&self) -> Option<(Settled, usize)> {
        let deadline = Instant::now() + self.settings.settle;
        loop {
            let counted = self.hosts.all_counted(deadline).await;
            let in_time = counted.is_ok();
            let (Ok(after) | Err(Some(after))) = counted else { return None };
            let others = self.screens.all_show(&after.tally, deadline).await;
            // A ballot of unknown outcome may have arrived since.
            if !in_time || self.hosts.is_quiet_since(&after).await || Instant::now() > deadline {
                return Some((after, others));
            }
        }
    }

    fn report(&self, seed: u64, voting: Duration, all_final: Option<Instant>, promise: Vec<Check>) -> Report {
        let figures = &self.voting_client.measurements;
        let last_acknowledged = figures.last_acknowledged();
        let acknowledged = figures.acknowledged.load(Relaxed);
        Report {
            poll: self.settings.poll.clone(),
            seed,
            voting_seconds: voting.as_secs_f64(),
            voters: self.voters.len() as u64,
            ballots: Ballots {
                acknowledged,
                acknowledged_per_second: rate(acknowledged, voting.as_secs_f64()),
                unknown: figures.unknown.load(Relaxed),
                nobody_free: figures.nobody_free.load(Relaxed),
                latency: figures.ballots.latency(),
            },
            page: figures.pages.latency(),
            cast_to_screen: figures.to_screen.latency(),
            never_on_screen: figures.never_on_screen.load(Relaxed),
            viewers: Viewers {
                count: self.screens.count(),
                frames: figures.frames.load(Relaxed),
                lost: figures.lost_screens.load(Relaxed),
                all_final_after_ms: all_final
                    .zip(last_acknowledged)
                    .map(|(shown, acknowledged)| shown.saturating_duration_since(acknowledged).as_secs_f64() * 1_000.0),
            },
            most_lag: figures.most_lag.load(Relaxed),
            errors: figures.errors(),
            promise,
            kept: false,
        }
    }
}
