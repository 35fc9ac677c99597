//! The hashes of RFC 6962, section 2.1: roots of lists of leaves, and proofs that a leaf is in one.

use super::digest::{DIGEST_BYTES, Digest};

/// The inner node above these two.
pub fn node(left: &Digest, right: &Digest) -> Digest {
    // In one piece, which is hashed faster. The first byte, 1, tells inner nodes from leaves.
    let mut bytes = [1; 1 + 2 * DIGEST_BYTES];
    bytes[1..=DIGEST_BYTES].copy_from_slice(left.as_bytes());
    bytes[1 + DIGEST_BYTES..].copy_from_slice(right.as_bytes());
    Digest::of(&bytes)
}

/// The root of an empty tree: the hash of nothing.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The root above these leaves, or above whole subtrees of one size.
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
            node(&root(left), &root(right))
        }
    }
}

/// How many of `size` leaves, of which there are at least two, are below the root's left child: the largest power of
/// two that is smaller.
pub fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The root that a leaf at `index` in a tree of this size has by this path, which is listed from the leaf up (RFC 6962,
/// section 2.1.1). `None` if the path has not the length that it must have there, or the tree no such leaf.
pub fn root_of_path(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (sibling, below) = path.split_last()?;
    let left = split(size);
    if index < left {
        Some(node(&root_of_path(leaf, index, left, below)?, sibling))
    } else {
        Some(node(sibling, &root_of_path(leaf, index - left, size - left, below)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect()
    }

    /// The way from a leaf to the root, by the definition of RFC 6962.
    fn path(leaves: &[Digest], index: usize) -> Vec<Digest> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
        let (mut below, sibling) = match index.checked_sub(left.len()) {
            None => (path(left, index), root(right)),
            Some(index) => (path(right, index), root(left)),
        };
        below.push(sibling);
        below
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(root(&[]).to_string(), empty);
        let [one, two, three]: [Digest; 3] = leaves(3).try_into().unwrap();
        assert_eq!(root(&[one]), one);
        assert_eq!(root(&[one, two, three]), node(&node(&one, &two), &three));
        let inner = [&[1], &one.as_bytes()[..], two.as_bytes()].concat();
        assert_eq!(node(&one, &two), Digest::of(&inner));
    }

    #[test]
    fn a_path_leads_only_its_own_leaf_to_the_root() {
        for size in 1..=20 {
            let leaves = leaves(size);
            for index in 0..size {
                let path = path(&leaves, index);
                let root_of = |leaf, index: usize, size: usize| root_of_path(leaf, index as u64, size as u64, &path);
                assert_eq!(root_of(leaves[index], index, size), Some(root(&leaves)));
                assert_ne!(root_of(Digest::of(b"other"), index, size), Some(root(&leaves)));
                assert_eq!(root_of(leaves[index], size, size), None);
                if let Some(longer) = path.first() {
                    let longer = [&[*longer], &path[..]].concat();
                    assert_eq!(root_of_path(leaves[index], index as u64, size as u64, &longer), None);
                    assert_eq!(root_of_path(leaves[index], index as u64, size as u64, &path[1..]), None);
                }
            }
        }
    }
}
