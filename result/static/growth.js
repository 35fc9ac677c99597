// Whether a tree has only grown between two checkpoints, by tiles (C2SP tlog-tiles) that the server has to show. Only
// ECMAScript 2018, for old phones (tests/old_phones.rs).

import { above, rootOf, same, split } from "./merkle.js";
import { DIGEST_BYTES, digest } from "./sha256.js";

const TILE_WIDTH = 256;

// The path of the tile of this level and index in a tree of `size` leaves: `1/x001/x234/067`, `0/005.p/17`.
function tilePath(level, index, width) {
  let digits = String(index);
  while (digits.length % 3 !== 0) digits = `0${digits}`;
  const groups = digits.match(/.../g);
  const last = groups.pop();
  const name = groups.map((group) => `x${group}/`).join("") + last;
  return width === TILE_WIDTH ? `${level}/${name}` : `${level}/${name}.p/${width}`;
}

// What two checkpoints `{ size, root }` of one tree are to each other: "grows", "contradiction" (both can't be true),
// or "other-tiles" (the tiles are not those of the larger one, so they show nothing). `fetchTile(path)` gives the bytes
// of a tile of the larger one; where it fails, this fails.
export async function growth(small, large, fetchTile) {
  if (small.size === large.size) return same(small.root, large.root) ? "grows" : "contradiction";
  const tiles = new Map();

  function tile(level, index) {
    const width = Math.min(TILE_WIDTH, Math.floor(large.size / TILE_WIDTH ** level) - index * TILE_WIDTH);
    const path = tilePath(level, index, width);
    if (!tiles.has(path)) {
      const read = fetchTile(path).then((read) => {
        if (read.length !== width * DIGEST_BYTES) throw new Error(`tile ${path} has ${read.length} bytes`);
        return read;
      });
      tiles.set(path, read);
    }
    return tiles.get(path);
  }

  // The root above `count` leaves from `from` on.
  async function range(from, count) {
    const left = split(count + 1);
    if (left !== count) {
      const [one, other] = [await range(from, left), await range(from + left, count - left)];
      return above(one, other);
    }
    let [level, below] = [0, 1];
    while (below * TILE_WIDTH <= count) {
      level += 1;
      below *= TILE_WIDTH;
    }
    const first = from / below;
    const digests = await tile(level, Math.floor(first / TILE_WIDTH));
    const at = (first % TILE_WIDTH) * DIGEST_BYTES;
    return rootOf(digests.subarray(at, at + (count / below) * DIGEST_BYTES));
  }

  // The roots above the first `old` and above all `size` leaves from `from` on, of the same digests.
  async function both(from, old, size) {
    if (old === size) {
      const root = await range(from, size);
      return [root, root];
    }
    const left = split(size);
    if (old <= left) {
      const [before, one] = await both(from, old, left);
      return [before, above(one, await range(from + left, size - left))];
    }
    const one = await range(from, left);
    const [before, other] = await both(from + left, old - left, size - left);
    return [above(one, before), above(one, other)];
  }

  const empty = small.size === 0;
  const [before, now] = empty
    ? [digest(new Uint8Array(0)), await range(0, large.size)]
    : await both(0, small.size, large.size);
  if (!same(now, large.root)) return "other-tiles";
  return same(before, small.root) ? "grows" : "contradiction";
}
