// What an installation states of a poll, read from the texts of signed notes: seals, results, promises and proofs. null
// for any text that nobody writes so. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

import { same } from "./merkle.js";
import { digestOf, readCheckpoint, readNote, wholeNumber } from "./note.js";

const MAX_PATH = 64;
const HEX_DIGEST = /^[0-9a-f]{64}$/;
const KEYS = "abcdefghijklmnopqrstuvwxyz";

// The number behind a word; null if there is none.
function numberAfter(line, word) {
  return line.startsWith(`${word} `) ? wholeNumber(line.slice(word.length + 1)) : null;
}

// The digest in HEX behind a word; null if there is none.
function digestAfter(line, word) {
  const text = line.startsWith(`${word} `) ? line.slice(word.length + 1) : "";
  return HEX_DIGEST.test(text) ? text : null;
}

// `{ round, version, wording, closed, trees: [{ generation, size, root }], ballots, voters }`.
export function readSeal(text) {
  const lines = text.split("\n");
  if (lines.length < 8 || lines[0] !== "scrutin seal 1" || lines.pop() !== "") return null;
  const [voters, ballots] = [numberAfter(lines.pop(), "voters"), numberAfter(lines.pop(), "ballots")];
  const [, round, version, wording, closed, ...trees] = lines;
  const seal = {
    round,
    version: numberAfter(version, "version"),
    wording: digestAfter(wording, "wording"),
    closed: numberAfter(closed, "closed"),
    trees: trees.map(readSealedTree),
    ballots,
    voters,
  };
  const whole = Object.values(seal).every((value) => value !== null) && !seal.trees.includes(null);
  return whole ? seal : null;
}

function readSealedTree(line, partition) {
  const [word, number, generation, size, root, more] = line.split(" ");
  if (word !== "tree" || number !== String(partition) || more !== undefined) return null;
  const tree = { generation: wholeNumber(generation), size: wholeNumber(size), root: digestOf(root || "") };
  return Object.values(tree).includes(null) ? null : tree;
}

// The poll of which a seal is, by its round; null if that is none.
export function pollOf(round) {
  const found = /^scrutin\/[^/\n]+\/([^/\n]+)\/[0-9]+$/.exec(round);
  return found && found[1];
}

// What the text of a seal that was kept is to the one of now: "same"; "earlier" of the same round, which fits as far as
// seals alone can tell; "contrary" if both can't be true; "apart" if it is of another poll or round.
export function compareSeals(kept, now) {
  if (kept === now) return "same";
  const [before, after] = [readSeal(kept), readSeal(now)];
  if (before.round !== after.round) return "apart";
  const isEarlier = before.version < after.version && before.trees.length === after.trees.length;
  return isEarlier && before.trees.every((tree, i) => canGrow(tree, after.trees[i])) ? "earlier" : "contrary";
}

function canGrow(before, after) {
  if (before.generation !== after.generation) return before.generation < after.generation;
  return before.size === after.size ? same(before.root, after.root) : before.size < after.size;
}

// `{ round, seal, votes }`.
export function readResult(text) {
  const lines = text.split("\n");
  if (lines.length < 4 || lines[0] !== "scrutin result 1" || lines.pop() !== "") return null;
  const votes = lines.slice(3).map((line, option) => numberAfter(line, `votes ${KEYS[option]}`));
  const seal = digestAfter(lines[2], "seal");
  return seal === null || votes.includes(null) ? null : { round: lines[1], seal, votes };
}

// `{ note, origin, leaf, checkpoint, index, path }` of a proof, the last three null of a promise.
export function readEvidence(text) {
  return text.startsWith("c2sp.org/tlog-proof@v1\n") ? readProof(text) : readPromise(text);
}

function readProof(text) {
  const end = text.indexOf("\n\n");
  const [, extra, place, ...siblings] = text.slice(0, end).split("\n");
  const checkpoint = end < 0 ? null : readCheckpoint(text.slice(end + 2));
  if (!checkpoint || !extra || !extra.startsWith("extra ") || !place || siblings.length > MAX_PATH) return null;
  const [leaf, index, path] = [digestOf(extra.slice(6)), numberAfter(place, "index"), siblings.map(digestOf)];
  if (!leaf || index === null || path.includes(null)) return null;
  return { note: readNote(checkpoint.note), origin: checkpoint.origin, leaf, checkpoint, index, path };
}

function readPromise(text) {
  const note = readNote(text);
  const [first, origin, leaf, end, more] = note ? note.text.split("\n") : [];
  const digest = leaf ? digestAfter(leaf, "leaf") : null;
  if (first !== "scrutin promise 1" || !digest || end !== "" || more !== undefined) return null;
  const bytes = Uint8Array.from(digest.match(/../g), (pair) => parseInt(pair, 16));
  return { note, origin, leaf: bytes, checkpoint: null, index: null, path: null };
}

// The key that an option has in ballots.
export function optionKey(option) {
  return KEYS[option];
}
