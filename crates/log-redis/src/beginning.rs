//! How a log begins: in steps, so that no single call keeps Redis from others for long.
//!
//! Each step is refused once a log has begun (whoever began it, that one stands), and where another worker
//! took the beginning over. The log's id is written last, and until it is there the log takes no ballots: so a
//! beginning that stops half way, for whatever reason, has had no effect, and the next one clears it away.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{LogSeed, PollSeed, Position, Unavailable, VoterId};

use crate::{
    keys::Keys,
    link::Link,
    scripts::{self, BEGIN_FIRST, BEGIN_LAST, BEGIN_POLLS, BEGIN_VOTERS, Call, Script, unexpected, word},
    wire,
};

/// Polls written in one step. A poll has at most some 25 KB.
const POLLS_A_STEP: usize = 100;
/// Voters written in one step.
const VOTERS_A_STEP: usize = 5_000;
/// How long a beginning may go without a step before it counts as given up, in milliseconds.
const GIVEN_UP_AFTER_MS: u32 = 10_000;

const WHAT: &str = "beginning the log";

/// Why an attempt came to no end of its own.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A log has begun already.
    Begun,
    /// What was set up is gone: start again.
    Lost,
    /// Redis did not do its work, or another worker is at it.
    Failed(Unavailable),
}

impl From<Unavailable> for Stopped {
    fn from(error: Unavailable) -> Self {
        Self::Failed(error)
    }
}

/// One attempt to begin a log.
pub(crate) async fn begin(link: &Link, keys: &Keys, seed: &LogSeed) -> Result<(), Stopped> {
    let id = random_id()?;
    // The ledger's position first and in fixed width, so that the script can tell whose ledger is further.
    let mark = format!("{:019} {id}", seed.after.as_i64());
    let steps = Steps { link, keys, mark };
    steps.run(steps.first()).await?;
    for some in seed.polls.chunks(POLLS_A_STEP) {
        steps.run(steps.polls(some)).await?;
    }
    for poll in &seed.polls {
        for some in poll.voters.chunks(VOTERS_A_STEP) {
            steps.run(steps.voters(poll, some)).await?;
        }
    }
    steps.run(steps.last(&id, seed.after)).await
}

struct Steps<'a> {
    link: &'a Link,
    keys: &'a Keys,
    mark: String,
}

impl Steps<'_> {
    fn first(&self) -> Call {
        let Keys { id, log, polls, accepted, trimmed, beginning, .. } = self.keys;
        self.step(&BEGIN_FIRST, &[id, beginning, log, polls, accepted, trimmed])
    }

    fn polls(&self, some: &[PollSeed]) -> Call {
        let voters: Vec<String> = some.iter().map(|seed| self.keys.voters(seed.poll.id())).collect();
        let mut keys = vec![&*self.keys.id, &*self.keys.beginning, &*self.keys.polls, &*self.keys.accepted];
        keys.extend(voters.iter().map(String::as_str));
        some.iter().fold(self.step(&BEGIN_POLLS, &keys), |call, seed| {
            call.arg(seed.poll.id().as_str()).arg(wire::encode_poll(&seed.poll)).arg(seed.counted)
        })
    }

    fn voters(&self, seed: &PollSeed, some: &[(VoterId, Position)]) -> Call {
        let voters = self.keys.voters(seed.poll.id());
        let call = self.step(&BEGIN_VOTERS, &[&self.keys.id, &self.keys.beginning, &voters]);
        some.iter().fold(call, |call, (voter, position)| call.arg(voter.as_bytes()).arg(position.to_string()))
    }

    fn last(&self, log: &str, after: Position) -> Call {
        let Keys { id, beginning, log: stream, trimmed, .. } = self.keys;
        let call = self.step(&BEGIN_LAST, &[id, beginning, stream, trimmed]);
        call.arg(log).arg(wire::last_id_above(after)).arg(after.to_string())
    }

    fn step(&self, script: &'static Script, keys: &[&str]) -> Call {
        script.call(keys).arg(&self.mark).arg(GIVEN_UP_AFTER_MS)
    }

    async fn run(&self, call: Call) -> Result<(), Stopped> {
        match word(WHAT, scripts::run(self.link, WHAT, call).await?)?.as_str() {
            "go on" => Ok(()),
            "begun" => Err(Stopped::Begun),
            "lost" => Err(Stopped::Lost),
            "superseded" => Err(Unavailable::failed(WHAT, "another worker is beginning it").into()),
            _ => Err(unexpected(WHAT).into()),
        }
    }
}

/// The id of a new incarnation: 128 random bits as text.
fn random_id() -> Result<String, Unavailable> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Unavailable::failed(WHAT, error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
