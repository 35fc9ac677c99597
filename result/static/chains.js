// Which ballots replace which: each voter's ballots are a chain, of which only the last counts. 41 bytes for each
// ballot of the largest tree, and no objects. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

import { hex } from "./note.js";

const WORDS = 4;
const FEW = 1024;

export class Chains {
  constructor() {
    this.size = 0;
    this.marks = new Uint32Array(WORDS * FEW);
    this.replaces = new Uint32Array(WORDS * FEW);
    this.counts = new Uint8Array(FEW);
  }

  // Adds a ballot: `mark` and `replaces` are 16 bytes each, zeros for none.
  add(mark, replaces, counts) {
    if (this.size === this.counts.length) {
      this.marks = twice(this.marks);
      this.replaces = twice(this.replaces);
      this.counts = twice(this.counts);
    }
    for (let word = 0; word < WORDS; word++) {
      this.marks[WORDS * this.size + word] = wordOf(mark, 4 * word);
      this.replaces[WORDS * this.size + word] = wordOf(replaces, 4 * word);
    }
    this.counts[this.size] = counts ? 1 : 0;
    this.size += 1;
  }

  // How many chains there are, one for each voter. `find(mark)` is told of each ballot of which something does not
  // hold.
  check(find) {
    const { marks, replaces, counts, size } = this;
    const order = new Uint32Array(size);
    for (let i = 0; i < size; i++) order[i] = i;
    order.sort((one, other) => compare(marks, one, marks, other));
    const tell = (place) => find(this.mark(order[place]));
    for (let place = 1; place < size; place++) {
      if (compare(marks, order[place - 1], marks, order[place]) === 0) tell(place);
    }
    const replaced = new Uint8Array(size);
    // Where in the order the ballot is that this one replaces.
    const targets = new Int32Array(size).fill(-1);
    for (let place = 0; place < size; place++) {
      const ballot = order[place];
      if (isNone(replaces, ballot)) continue;
      const target = search(marks, order, replaces, ballot);
      targets[place] = target;
      if (target < 0 || replaced[target]) tell(place);
      else replaced[target] = 1;
    }
    let voters = 0;
    const reached = new Uint8Array(size);
    for (let place = 0; place < size; place++) {
      if (counts[order[place]] === replaced[place]) tell(place);
      if (replaced[place]) continue;
      voters += 1;
      for (let next = place; next >= 0 && !reached[next]; next = targets[next]) reached[next] = 1;
    }
    // Ballots that replace each other in a circle.
    const lost = reached.indexOf(0);
    if (lost >= 0) tell(lost);
    return voters;
  }

  // The mark of a ballot, in HEX.
  mark(ballot) {
    const words = Array.from(this.marks.subarray(WORDS * ballot, WORDS * ballot + WORDS));
    return hex(words.reduce((bytes, word) => bytes.concat([24, 16, 8, 0].map((by) => (word >>> by) & 255)), []));
  }
}

function twice(array) {
  const larger = new array.constructor(array.length * 2);
  larger.set(array);
  return larger;
}

function wordOf(bytes, at) {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function compare(marks, one, others, other) {
  for (let word = 0; word < WORDS; word++) {
    const [left, right] = [marks[WORDS * one + word], others[WORDS * other + word]];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function isNone(marks, ballot) {
  const at = WORDS * ballot;
  return (marks[at] | marks[at + 1] | marks[at + 2] | marks[at + 3]) === 0;
}

// Where in the order the ballot with the mark is that `ballot` replaces; below 0 if there is none.
function search(marks, order, replaces, ballot) {
  let [low, high] = [0, order.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const side = compare(marks, order[middle], replaces, ballot);
    if (side === 0) return middle;
    if (side < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
