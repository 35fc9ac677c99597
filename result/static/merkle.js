// The trees of RFC 6962, section 2.1: nodes, roots, and the way from a leaf to the root. Digests are 32 bytes at a
// place in a Uint8Array. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

import { DIGEST_BYTES, begin, byte, bytes, digest, finish } from "./sha256.js";

const LEVELS = 64;

// Writes the inner node above two digests into `out`, which may be where they are.
export function node(left, leftAt, right, rightAt, out, at) {
  begin();
  byte(1);
  bytes(left, leftAt, leftAt + DIGEST_BYTES);
  bytes(right, rightAt, rightAt + DIGEST_BYTES);
  finish(out, at);
}

// The node above two digests, as bytes of its own.
export function above(left, right) {
  const out = new Uint8Array(DIGEST_BYTES);
  node(left, 0, right, 0, out, 0);
  return out;
}

export function same(one, other) {
  return one.length === other.length && one.every((value, i) => value === other[i]);
}

// The largest power of two below `size`, which is 2 or more: so many leaves are below the root's left child.
export function split(size) {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

// A tree that is only added to, in memory for its height: the roots of whole subtrees, from the left.
export class GrowingRoot {
  constructor() {
    this.size = 0;
    this.depth = 0;
    this.stack = new Uint8Array(LEVELS * DIGEST_BYTES);
  }

  // Adds the leaf that is in `source` at `at`.
  push(source, at) {
    const { stack } = this;
    let top = this.depth * DIGEST_BYTES;
    for (let i = 0; i < DIGEST_BYTES; i++) stack[top + i] = source[at + i];
    for (let rest = this.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node(stack, top - DIGEST_BYTES, stack, top, stack, top - DIGEST_BYTES);
      top -= DIGEST_BYTES;
    }
    this.depth = top / DIGEST_BYTES + 1;
    this.size += 1;
  }

  root() {
    if (this.size === 0) return digest(new Uint8Array(0));
    let from = (this.depth - 1) * DIGEST_BYTES;
    const out = this.stack.slice(from, from + DIGEST_BYTES);
    while (from > 0) {
      from -= DIGEST_BYTES;
      node(this.stack, from, out, 0, out, 0);
    }
    return out;
  }
}

// The root above the digests that stand in `source` one behind the other.
export function rootOf(source) {
  const tree = new GrowingRoot();
  for (let at = 0; at < source.length; at += DIGEST_BYTES) tree.push(source, at);
  return tree.root();
}

// The root to which a leaf leads by these siblings, from the leaf up; null if they are too many or too few, or the tree
// has no such leaf.
export function rootOfPath(leaf, index, size, path) {
  if (index >= size) return null;
  if (size === 1) return path.length === 0 ? leaf : null;
  if (path.length === 0) return null;
  const sibling = path[path.length - 1];
  const below = path.slice(0, -1);
  const left = split(size);
  const inLeft = index < left;
  const root = inLeft ? rootOfPath(leaf, index, left, below) : rootOfPath(leaf, index - left, size - left, below);
  if (root === null) return null;
  return inLeft ? above(root, sibling) : above(sibling, root);
}
