//! Checks whether all partitions of the log belong to one installation, and whether it is the one of a `vote` with
//! these settings.
//!
//! No I/O here: [`Member::ask`] builds the commands, [`Member::judge`] evaluates the replies.

use domain::{Fingerprint, Partition, Partitions, Unavailable};
use redis::{Pipeline, Value};

use crate::{installation_record, keys::Keys, scripts::FINGERPRINT};

const GAUGE: &str = "scrutin_installation_refused";

/// The settings that the installation must have.
#[derive(Debug)]
pub(crate) struct Member {
    partitions: Partitions,
    key: Fingerprint,
    /// The key of each partition's installation hash.
    names: Vec<String>,
}

/// The result of evaluating the replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// All partitions belong to our installation.
    Ours,
    /// A worker has not written it to all partitions yet.
    NotWritten,
    /// Our installation, but these partitions do not have the key's fingerprint yet.
    WithoutKey(Vec<usize>),
    /// Another installation, or other settings; says which.
    Foreign(String),
}

impl Member {
    pub(crate) fn new(partitions: Partitions, key: Fingerprint) -> Self {
        let names = partitions.all().map(|partition| Keys::new(partition).installation).collect();
        Self { partitions, key, names }
    }

    /// Asks each partition for its installation.
    pub(crate) fn ask(&self, asked: &mut Pipeline) {
        for name in &self.names {
            asked.cmd("HGETALL").arg(name);
        }
    }

    /// Evaluates the replies.
    pub(crate) fn judge(&self, answers: &[Value]) -> Membership {
        let (mut first, mut without_key) = (None, Vec::new());
        for (index, answer) in answers.iter().enumerate() {
            if let Value::ServerError(error) = answer {
                return Membership::Foreign(format!(
                    "Redis does not show which installation the log belongs to: {error}"
                ));
            }
            let (installation, partition) = match installation_record::read(answer) {
                Ok(Some(found)) => found,
                Ok(None) => return Membership::NotWritten,
                Err(Unavailable::Untrusted(why)) => return Membership::Foreign(why),
                Err(error) => return Membership::Foreign(error.to_string()),
            };
            let differs = installation.differs_from_settings(self.partitions);
            if let Some(why) = differs.or_else(|| installation.differs_from_key(&self.key)) {
                return Membership::Foreign(why);
            }
            if u16::try_from(index).map(Partition::new) != Ok(partition) {
                let why =
                    format!("the log of partition {index} says that it is partition {partition}: its keys were moved");
                return Membership::Foreign(why);
            }
            let of_first = first.get_or_insert_with(|| installation.id.clone());
            if *of_first != installation.id {
                let why = format!(
                    "partition 0 of the log belongs to the installation {of_first}, and partition {partition} to {}",
                    installation.id
                );
                return Membership::Foreign(why);
            }
            if installation.fingerprint.is_none() {
                without_key.push(index);
            }
        }
        match (first, without_key.is_empty()) {
            (None, _) => Membership::NotWritten,
            (Some(_), true) => Membership::Ours,
            // The first partition decides: the first key written there is the right one.
            (Some(_), false) if without_key[0] == 0 => Membership::WithoutKey(vec![0]),
            (Some(_), false) => Membership::WithoutKey(without_key),
        }
    }

    /// The commands that write our key's fingerprint where there is none.
    pub(crate) fn claims(&self, membership: &Membership) -> Option<Pipeline> {
        let Membership::WithoutKey(partitions) = membership else { return None };
        let mut claims = redis::pipe();
        for &partition in partitions {
            let claim = claims.cmd("EVAL").arg(FINGERPRINT.source()).arg(1).arg(&self.names[partition]);
            claim.arg(self.key.as_str()).arg(0);
        }
        Some(claims)
    }
}

impl Membership {
    /// The error for calls, if they must be refused.
    pub(crate) fn refusal(&self) -> Option<Unavailable> {
        match self {
            Self::Ours => None,
            Self::NotWritten | Self::WithoutKey(_) => Some(Unavailable::NotBegun),
            Self::Foreign(why) => Some(Unavailable::Untrusted(why.clone())),
        }
    }

    /// Logs what changed since `before`.
    pub(crate) fn tell(&self, before: Option<&Self>) {
        if before == Some(self) {
            return;
        }
        metrics::gauge!(GAUGE).set(u8::from(matches!(self, Self::Foreign(_))));
        match self {
            Self::Foreign(why) => tracing::error!(
                event = "installation.refused",
                "nothing is taken, and voters are told that nothing was recorded: {why}"
            ),
            Self::Ours if matches!(before, Some(Self::Foreign(_))) => {
                tracing::info!(event = "installation.agrees", "the log belongs to this installation");
            }
            Self::Ours | Self::NotWritten | Self::WithoutKey(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &[(&str, &str)]) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Map(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn said(id: &str, partition: &str, key: &str) -> Value {
        let fields = [("id", id), ("partitions", "2"), ("addresses", "1"), ("layout", "2"), ("partition", partition)];
        hash(&[&fields[..], &[("fingerprint", key)]].concat())
    }

    fn member(partitions: u16) -> Member {
        Member::new(Partitions::new(partitions).unwrap(), Fingerprint::stored("aa").unwrap())
    }

    fn foreign(member: &Member, answers: &[Value]) -> String {
        match member.judge(answers) {
            Membership::Foreign(why) => why,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn all_partitions_must_be_of_one_installation_with_our_settings() {
        let ours = [said("one", "0", "aa"), said("one", "1", "aa")];
        assert_eq!(member(2).judge(&ours), Membership::Ours);
        let why = foreign(&member(2), &[said("one", "0", "bb"), said("one", "1", "bb")]);
        assert!(why.contains("aa") && why.contains("bb") && why.contains("worker rekey"), "{why}");
        assert!(foreign(&member(1), &[said("one", "0", "aa")]).contains("PARTITIONS"));
        assert!(foreign(&member(2), &[said("one", "0", "aa"), said("two", "1", "aa")]).contains("two"));
        assert!(foreign(&member(2), &[said("one", "1", "aa"), said("one", "0", "aa")]).contains("partition 0"));
        let later = hash(&[("id", "one"), ("layout", "3")]);
        assert!(foreign(&member(2), &[later, said("one", "1", "aa")]).contains("layout 3"));
        assert!(matches!(member(2).judge(&[Value::Nil]), Membership::Foreign(_)));
    }

    #[test]
    fn the_key_is_written_first_in_the_first_partition_and_only_where_none_is() {
        assert_eq!(member(2).judge(&[said("one", "0", ""), hash(&[])]), Membership::NotWritten);
        let first = member(2).judge(&[said("one", "0", ""), said("one", "1", "")]);
        assert_eq!(first, Membership::WithoutKey(vec![0]));
        let second = member(2).judge(&[said("one", "0", "aa"), said("one", "1", "")]);
        assert_eq!(second, Membership::WithoutKey(vec![1]));
        assert_eq!(member(2).claims(&second).unwrap().len(), 1);
        assert!(member(2).claims(&Membership::Ours).is_none());
        assert_eq!(first.refusal(), Some(Unavailable::NotBegun));
    }
}
