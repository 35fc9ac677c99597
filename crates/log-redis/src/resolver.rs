//! Who takes the writes of a partition now: asks the Sentinels, or nodes of the cluster.
//!
//! All are asked at once, and most answers of one kind win. So one that was cut off and still names a dead master
//! decides nothing where the others can be reached. Whoever is named must say itself that it is a master, which
//! `connection` checks.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{AsyncConnectionConfig, Pipeline, Value};
use tokio::time::timeout;

use crate::{
    address::{Node, RedisAddress, Topology},
    addresses::Destination,
    dial::{NotConnected, dial},
};

/// How long one that is asked may take, connecting and handshake included. With the time to connect to the server
/// itself, it is shorter than [`ANSWER_TIMEOUT`](crate::deadline::ANSWER_TIMEOUT).
const ASK_TIMEOUT: Duration = Duration::from_millis(700);

/// The server that takes the partition's writes, as most of those who should know say.
pub(crate) async fn primary(to: &Destination) -> Result<Node, NotConnected> {
    let nodes = &to.address.nodes;
    if to.address.topology == Topology::Server {
        return Ok(nodes[0].clone());
    }
    let mut asked: FuturesUnordered<_> = nodes.iter().map(|node| ask(to, node)).collect();
    let mut named: Vec<(Node, usize)> = Vec::new();
    let mut silent = Vec::new();
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(primary) => {
                let votes = vote(&mut named, primary);
                if votes > nodes.len() / 2 {
                    break;
                }
            }
            Err(error) => silent.push(error.to_string()),
        }
    }
    // The first of those with most answers.
    let most = named.into_iter().rev().max_by_key(|(_, votes)| *votes);
    most.map(|(primary, _)| primary).ok_or_else(|| NotConnected::NoPrimary(nobody_knows(to, &silent)))
}

/// Counts an answer; how many were the same so far.
fn vote(named: &mut Vec<(Node, usize)>, primary: Node) -> usize {
    if let Some((_, votes)) = named.iter_mut().find(|(known, _)| *known == primary) {
        *votes += 1;
        return *votes;
    }
    named.push((primary, 1));
    1
}

fn nobody_knows(to: &Destination, why: &[String]) -> String {
    let what = match &to.address.topology {
        Topology::Sentinel(master) => format!("no Sentinel names a master `{master}`"),
        _ => format!("no node of the Redis Cluster says who owns slot {}", to.slot),
    };
    format!("{what}: {}", why.join("; "))
}

/// Asks one of them.
async fn ask(to: &Destination, node: &Node) -> Result<Node, NotConnected> {
    let asking = ask_within(to, node);
    timeout(ASK_TIMEOUT, asking).await.map_err(|_| NotConnected::silent(node, to.tls.is_some()))?
}

async fn ask_within(to: &Destination, node: &Node) -> Result<Node, NotConnected> {
    let RedisAddress { topology, login, sentinel_login, .. } = &to.address;
    let login = if matches!(topology, Topology::Sentinel(_)) { sentinel_login } else { login };
    let settings = AsyncConnectionConfig::new().set_response_timeout(None);
    let mut connection = dial(node, to.tls.as_ref(), login, settings).await?;
    let answers = connection.exchange(&question(topology)).await;
    let refused = |error| NotConnected::refused(node, to.tls.is_some(), error);
    let answer = answers.map_err(refused)?.pop().unwrap_or(Value::Nil).extract_error().map_err(refused)?;
    let found = match topology {
        Topology::Sentinel(_) => master_of(&answer).ok_or("knows no master of this name".to_owned()),
        _ => owner_of(to.slot, &answer, node),
    };
    found.map_err(|why| NotConnected::HungUp(node.clone(), why))
}

fn question(topology: &Topology) -> Pipeline {
    let mut asked = redis::pipe();
    match topology {
        Topology::Sentinel(master) => asked.cmd("SENTINEL").arg("get-master-addr-by-name").arg(master),
        _ => asked.cmd("CLUSTER").arg("SLOTS"),
    };
    asked
}

/// Reads a Sentinel's answer, host and port.
fn master_of(answer: &Value) -> Option<Node> {
    let Value::Array(parts) = answer else { return None };
    let [host, port] = parts.as_slice() else { return None };
    Some(Node { host: text(host)?, port: text(port)?.parse().ok()? })
}

/// Reads a node's list of slots: ranges with their first slot, their last one, and then the nodes, the owner first.
fn owner_of(slot: u16, answer: &Value, asked: &Node) -> Result<Node, String> {
    let unreadable = || "its list of slots can't be read".to_owned();
    let Value::Array(ranges) = answer else { return Err(unreadable()) };
    for range in ranges {
        let Value::Array(parts) = range else { return Err(unreadable()) };
        let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = parts.as_slice() else {
            return Err(unreadable());
        };
        if (*first..=*last).contains(&i64::from(slot)) {
            return owner_in(owner, asked).ok_or_else(unreadable);
        }
    }
    Err(format!("nobody owns slot {slot}"))
}

fn owner_in(owner: &[Value], asked: &Node) -> Option<Node> {
    let [host, Value::Int(port), ..] = owner else { return None };
    // A node that does not know its own address leaves it out: it is the one that was asked.
    let host = text(host).filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Node { host, port: u16::try_from(*port).ok()? })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    #[test]
    fn a_sentinel_names_host_and_port_or_nobody() {
        let named = Value::Array(vec![bulk("10.0.0.1"), bulk("6379")]);
        assert_eq!(master_of(&named), Some(node("10.0.0.1", 6379)));
        assert_eq!(master_of(&Value::Nil), None);
        assert_eq!(master_of(&Value::Array(vec![bulk("10.0.0.1"), bulk("here")])), None);
    }

    #[test]
    fn the_owner_of_a_slot_is_the_first_of_its_range() {
        let asked = node("asked", 7);
        let range = |first, last, host: Value| {
            let replica = Value::Array(vec![bulk("replica"), Value::Int(9), bulk("id")]);
            let owner = Value::Array(vec![host, Value::Int(8), bulk("id")]);
            Value::Array(vec![Value::Int(first), Value::Int(last), owner, replica])
        };
        let slots = Value::Array(vec![range(0, 99, bulk("a")), range(100, 199, Value::Nil), range(300, 300, bulk(""))]);
        assert_eq!(owner_of(0, &slots, &asked), Ok(node("a", 8)));
        assert_eq!(owner_of(199, &slots, &asked), Ok(node("asked", 8)), "it does not know its own address");
        assert_eq!(owner_of(300, &slots, &asked), Ok(node("asked", 8)));
        assert_eq!(owner_of(200, &slots, &asked), Err("nobody owns slot 200".to_owned()));
        assert!(owner_of(0, &Value::Nil, &asked).is_err());
    }

    #[test]
    fn answers_of_one_kind_are_counted_together() {
        let mut named = Vec::new();
        let votes = ["a", "b", "b"].map(|host| vote(&mut named, node(host, 1)));
        assert_eq!(votes, [1, 1, 2]);
    }
}
