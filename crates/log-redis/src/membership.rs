//! Checks whether all partitions of the log belong to one installation, and whether it is the one of a `vote` with
//! these settings. Each partition may be on a server of its own, so each is asked alone, and compared with what the
//! others last said.
//!
//! No I/O here: [`Member::ask`] builds the commands, [`Member::judge`] evaluates the replies.

use std::sync::Arc;

use domain::{Fingerprint, Installation, Partition, Partitions, Unavailable};
use parking_lot::Mutex;
use redis::{Pipeline, Value};

use crate::{installation_record, keys::Keys, scripts::FINGERPRINT};

const GAUGE: &str = "scrutin_installation_refused";

/// What the partitions of one log must have in common, and what each last said of itself.
#[derive(Debug)]
pub(crate) struct Members {
    partitions: Partitions,
    /// How many addresses the log has.
    addresses: u16,
    key: Fingerprint,
    /// Indexed by partition number; `None`: it did not say, or nothing that fits the settings.
    seen: Mutex<Vec<Option<Installation>>>,
}

/// One partition of the log.
#[derive(Debug)]
pub(crate) struct Member {
    partition: Partition,
    /// The key of its installation hash.
    name: String,
    all: Arc<Members>,
}

/// The result of evaluating the reply of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It belongs to our installation.
    Ours,
    /// A worker has not written it yet.
    NotWritten,
    /// Our installation, without the key's fingerprint yet.
    WithoutKey {
        /// Whether we may write ours: the first partition decides, and the first key written there is the right one.
        ours_is_right: bool,
    },
    /// Another installation, or other settings; says which.
    Foreign(String),
}

impl Members {
    /// All partitions of a log, for a program with these settings.
    pub(crate) fn new(partitions: Partitions, addresses: u16, key: Fingerprint) -> Arc<Self> {
        let seen = Mutex::new(vec![None; usize::from(partitions.count())]);
        Arc::new(Self { partitions, addresses, key, seen })
    }

    /// One of them.
    pub(crate) fn member(self: &Arc<Self>, partition: Partition) -> Member {
        Member { partition, name: Keys::new(partition).installation, all: Arc::clone(self) }
    }

    /// A partition that last said that it belongs to another installation than this one.
    fn other_than(&self, found: &Installation) -> Option<(usize, String)> {
        let seen = self.seen.lock();
        let others = seen.iter().enumerate().filter_map(|(index, seen)| Some((index, seen.as_ref()?)));
        others
            .map(|(index, seen)| (index, &seen.id))
            .find(|(_, id)| **id != found.id)
            .map(|(index, id)| (index, id.to_string()))
    }
}

impl Member {
    /// Asks the partition for its installation.
    pub(crate) fn ask(&self, asked: &mut Pipeline) {
        asked.cmd("HGETALL").arg(&self.name);
    }

    /// Evaluates the reply.
    pub(crate) fn judge(&self, answers: &[Value]) -> Membership {
        let (membership, said) = match answers.first().map(|answer| self.read(answer)) {
            Some(Ok(said)) => (None, Some(said)),
            Some(Err(membership)) => (Some(membership), None),
            None => (Some(Membership::NotWritten), None),
        };
        let index = usize::from(self.partition.number());
        self.all.seen.lock()[index].clone_from(&said);
        let Some(said) = said else { return membership.unwrap_or(Membership::NotWritten) };
        if let Some((other, id)) = self.all.other_than(&said) {
            return Membership::Foreign(format!(
                "partition {other} of the log belongs to the installation {id}, and partition {index} to {}",
                said.id
            ));
        }
        if said.fingerprint.is_some() {
            return Membership::Ours;
        }
        let first_has_key = || self.all.seen.lock()[0].as_ref().is_some_and(|first| first.fingerprint.is_some());
        Membership::WithoutKey { ours_is_right: index == 0 || first_has_key() }
    }

    /// What the partition says of itself, if that fits our settings.
    fn read(&self, answer: &Value) -> Result<Installation, Membership> {
        if let Value::ServerError(error) = answer {
            let why = format!("Redis does not show which installation the log belongs to: {error}");
            return Err(Membership::Foreign(why));
        }
        let (installation, partition) = match installation_record::read(answer) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(Membership::NotWritten),
            Err(Unavailable::Untrusted(why)) => return Err(Membership::Foreign(why)),
            Err(error) => return Err(Membership::Foreign(error.to_string())),
        };
        let differs = installation.differs_from_settings(self.all.partitions, self.all.addresses);
        if let Some(why) = differs.or_else(|| installation.differs_from_key(&self.all.key)) {
            return Err(Membership::Foreign(why));
        }
        if partition != self.partition {
            return Err(Membership::Foreign(format!(
                "the log of partition {} says that it is partition {partition}: its keys were moved",
                self.partition
            )));
        }
        Ok(installation)
    }

    /// The commands that write our key's fingerprint where there is none.
    pub(crate) fn claims(&self, membership: &Membership) -> Option<Pipeline> {
        let Membership::WithoutKey { ours_is_right: true } = membership else { return None };
        let mut claims = redis::pipe();
        let claim = claims.cmd("EVAL").arg(FINGERPRINT.source()).arg(1).arg(&self.name);
        claim.arg(self.all.key.as_str()).arg(0);
        Some(claims)
    }
}

impl Membership {
    /// The error for calls, if they must be refused.
    pub(crate) fn refusal(&self) -> Option<Unavailable> {
        match self {
            Self::Ours => None,
            Self::NotWritten | Self::WithoutKey { .. } => Some(Unavailable::NotBegun),
            Self::Foreign(why) => Some(Unavailable::Untrusted(why.clone())),
        }
    }

    /// Logs what changed since `before`.
    pub(crate) fn tell(&self, partition: Partition, before: Option<&Self>) {
        if before == Some(self) {
            return;
        }
        let gauge = metrics::gauge!(GAUGE, "partition" => partition.to_string());
        gauge.set(u8::from(matches!(self, Self::Foreign(_))));
        match self {
            Self::Foreign(why) => tracing::error!(
                event = "installation.refused",
                %partition,
                "nothing is taken, and voters are told that nothing was recorded: {why}"
            ),
            Self::Ours if matches!(before, Some(Self::Foreign(_))) => {
                tracing::info!(event = "installation.agrees", %partition, "the log belongs to this installation");
            }
            Self::Ours | Self::NotWritten | Self::WithoutKey { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn hash(fields: &[(&str, &str)]) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Map(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn said(id: &str, partition: &str, key: &str) -> Value {
        let fields = [("id", id), ("partitions", "2"), ("addresses", "1"), ("layout", "3"), ("partition", partition)];
        hash(&[&fields[..], &[("fingerprint", key)]].concat())
    }

    fn members(partitions: u16) -> Vec<Member> {
        let partitions = Partitions::new(partitions).unwrap();
        let all = Members::new(partitions, 1, Fingerprint::stored("aa").unwrap());
        partitions.all().map(|partition| all.member(partition)).collect()
    }

    /// What comes of these replies, one for each partition, once all have been asked.
    fn judged(answers: &[Value]) -> Vec<Membership> {
        let members = members(u16::try_from(answers.len()).unwrap());
        let judge = || members.iter().zip(answers).map(|(member, answer)| member.judge(slice::from_ref(answer)));
        judge().for_each(drop);
        judge().collect()
    }

    fn foreign(answers: &[Value], partition: usize) -> String {
        match &judged(answers)[partition] {
            Membership::Foreign(why) => why.clone(),
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn all_partitions_must_be_of_one_installation_with_our_settings() {
        let ours = [said("one", "0", "aa"), said("one", "1", "aa")];
        assert_eq!(judged(&ours), [Membership::Ours, Membership::Ours]);
        let other_key = [said("one", "0", "aa"), said("one", "1", "bb")];
        let why = foreign(&other_key, 1);
        assert!(why.contains("aa") && why.contains("bb") && why.contains("worker rekey"), "{why}");
        assert_eq!(judged(&other_key)[0], Membership::Ours);
        assert!(foreign(&[said("one", "0", "aa")], 0).contains("PARTITIONS"));
        for partition in [0, 1] {
            let why = foreign(&[said("one", "0", "aa"), said("two", "1", "aa")], partition);
            assert!(why.contains("one") && why.contains("two"), "{why}");
        }
        assert!(foreign(&[said("one", "1", "aa"), said("one", "0", "aa")], 0).contains("partition 0"));
        let later = hash(&[("id", "one"), ("layout", "4")]);
        assert!(foreign(&[later, said("one", "1", "aa")], 0).contains("layout 4"));
        let by_poll = hash(&[("id", "one"), ("layout", "2"), ("partitions", "2")]);
        assert!(foreign(&[by_poll, said("one", "1", "aa")], 0).contains("export and import"));
        assert!(matches!(judged(&[Value::Nil])[0], Membership::Foreign(_)));
    }

    #[test]
    fn a_partition_that_says_nothing_any_more_is_forgotten() {
        let members = members(2);
        assert_eq!(members[0].judge(&[said("one", "0", "aa")]), Membership::Ours);
        assert!(matches!(members[1].judge(&[said("two", "1", "aa")]), Membership::Foreign(_)));
        assert_eq!(members[0].judge(&[hash(&[])]), Membership::NotWritten);
        assert_eq!(members[1].judge(&[said("two", "1", "aa")]), Membership::Ours);
    }

    #[test]
    fn the_key_is_written_first_in_the_first_partition_and_only_where_none_is() {
        let members = members(2);
        let without_key = |ours_is_right| Membership::WithoutKey { ours_is_right };
        assert_eq!(members[1].judge(&[hash(&[])]), Membership::NotWritten);
        assert_eq!(members[1].judge(&[said("one", "1", "")]), without_key(false), "the first decides");
        assert_eq!(members[0].judge(&[said("one", "0", "")]), without_key(true));
        assert_eq!(members[1].judge(&[said("one", "1", "")]), without_key(false), "and has none yet");
        assert_eq!(members[0].judge(&[said("one", "0", "aa")]), Membership::Ours);
        let second = members[1].judge(&[said("one", "1", "")]);
        assert_eq!(second, without_key(true));
        assert_eq!(members[1].claims(&second).unwrap().len(), 1);
        assert!(members[1].claims(&without_key(false)).is_none());
        assert!(members[1].claims(&Membership::Ours).is_none());
        assert_eq!(second.refusal(), Some(Unavailable::NotBegun));
    }
}
