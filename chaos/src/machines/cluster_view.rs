//! What a node of a Redis Cluster says about all nodes (`CLUSTER NODES`).

use anyhow::{Context, ensure};

/// All nodes, as one of them sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterView {
    pub(crate) nodes: Vec<NodeView>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeView {
    pub(crate) id: String,
    /// The id of its primary; none if it is one itself.
    pub(crate) primary: Option<String>,
    /// Ranges of the slots that it owns, each with its first and its last one.
    pub(crate) slots: Vec<(u16, u16)>,
    /// Whether the asked node knows its address, hears from it, and takes it for alive.
    alive: bool,
}

impl ClusterView {
    /// Reads the answer: a line for each node, `id address flags primary ping pong epoch link slots…`.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let nodes = text.lines().filter(|line| !line.is_empty()).map(node).collect::<anyhow::Result<_>>()?;
        Ok(Self { nodes })
    }

    /// The node with this id.
    pub(crate) fn node(&self, id: &str) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The owner of a slot.
    pub(crate) fn owner(&self, slot: u16) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.slots.iter().any(|&(first, last)| (first..=last).contains(&slot)))
    }

    /// The nodes that own slots, by their first one.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = &NodeView> {
        let mut primaries: Vec<_> = self.nodes.iter().filter(|node| !node.slots.is_empty()).collect();
        primaries.sort_by_key(|node| node.slots.first().copied());
        primaries.into_iter()
    }

    /// Whether there are so many nodes, all alive, of which so many own slots and have one replica each.
    pub(crate) fn is_whole(&self, nodes: usize, primaries: usize) -> anyhow::Result<()> {
        ensure!(self.nodes.len() == nodes, "there are {} nodes", self.nodes.len());
        let dead = self.nodes.iter().find(|node| !node.alive);
        ensure!(dead.is_none(), "a node is not alive: {dead:?}");
        ensure!(self.primaries().count() == primaries, "there are {} primaries", self.primaries().count());
        for primary in self.primaries() {
            let replicas = self.nodes.iter().filter(|node| node.primary.as_ref() == Some(&primary.id)).count();
            ensure!(replicas == 1, "{} has {replicas} replicas", primary.id);
        }
        Ok(())
    }
}

fn node(line: &str) -> anyhow::Result<NodeView> {
    let mut words = line.split(' ');
    let mut word = || words.next().with_context(|| format!("a line of CLUSTER NODES ends too early: {line}"));
    let (id, _address, flags, primary) = (word()?, word()?, word()?, word()?);
    let [_ping, _pong, _epoch, link] = [word()?, word()?, word()?, word()?];
    let ill = ["fail", "fail?", "handshake", "noaddr"];
    let alive = link == "connected" && !flags.split(',').any(|flag| ill.contains(&flag));
    Ok(NodeView {
        id: id.to_owned(),
        primary: (primary != "-").then(|| primary.to_owned()),
        slots: words.filter_map(range).collect(),
        alive,
    })
}

/// A slot, or a range of slots. A slot that is being moved, `[slot->-id]`, stands there once more.
fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
aa 10.77.0.1:6379@16379 myself,master - 0 0 1 connected 0-99 200 [200->-bb]
bb 10.77.0.2:6379@16379 master - 0 1764000000000 2 connected 100-199
cc 10.77.0.3:6379@16379 slave aa 0 1764000000000 1 connected
dd 10.77.0.4:6379@16379 slave,fail bb 0 1764000000000 2 disconnected
";

    #[test]
    fn owners_and_replicas_are_read_from_what_a_node_says() {
        let view = ClusterView::read(NODES).unwrap();
        assert_eq!([0, 99, 200, 150].map(|slot| view.owner(slot).unwrap().id.as_str()), ["aa", "aa", "aa", "bb"]);
        assert_eq!(view.owner(201), None);
        assert_eq!(view.node("cc").unwrap().primary.as_deref(), Some("aa"));
        assert_eq!(view.primaries().count(), 2);
        assert!(ClusterView::read("aa 10.77.0.1:6379@16379 master").is_err());
    }

    #[test]
    fn a_cluster_with_a_dead_or_a_missing_node_is_not_whole() {
        assert!(ClusterView::read(NODES).unwrap().is_whole(4, 2).is_err());
        let alive = NODES.replace("slave,fail bb 0 1764000000000 2 disconnected", "slave bb 0 0 2 connected");
        let view = ClusterView::read(&alive).unwrap();
        assert!(view.is_whole(4, 2).is_ok());
        assert!(view.is_whole(5, 2).is_err() && view.is_whole(4, 3).is_err());
        let alone = alive.replace("slave bb", "slave aa");
        assert!(ClusterView::read(&alone).unwrap().is_whole(4, 2).is_err());
    }
}
