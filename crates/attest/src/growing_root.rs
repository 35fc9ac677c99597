//! The root of a tree while leaves are added, in memory that grows with the tree's height only.

use domain::{Digest, empty_root, node};

/// A tree that is only added to.
#[derive(Clone, Debug, Default)]
pub struct GrowingRoot {
    size: u64,
    /// The roots of whole subtrees, from the left: one for each bit of `size` that is set.
    subtrees: Vec<Digest>,
}

impl GrowingRoot {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut subtree = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("one for each bit that is set");
            subtree = node(&left, &subtree);
        }
        self.subtrees.push(subtree);
        self.size += 1;
    }

    /// How many leaves were added.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root above them.
    pub fn root(&self) -> Digest {
        self.subtrees.iter().copied().rev().reduce(|right, left| node(&left, &right)).unwrap_or_else(empty_root)
    }
}
