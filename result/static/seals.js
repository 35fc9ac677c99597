// What a seal that the server gives now says, and how those fit that this browser has kept. Like recount.js it knows
// nothing of pages. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

import { hex, readNote, utf8 } from "./note.js";
import { digest } from "./sha256.js";
import { compareSeals, pollOf, readSeal } from "./statements.js";

// `{ ballots, voters, closed, hash, round, poll, isFirst, contrary, apart }` of the note of a seal; null if it is none.
// `poll` is that of its round (or null), `isFirst` whether none was kept, `contrary` how many of those that were kept
// can't be true beside it, `apart` the rounds of those that can't be compared with it.
export function lookAtSeal({ note, kept }) {
  const read = readNote(note);
  const seal = read && readSeal(read.text);
  if (!seal) return null;
  const { ballots, voters, closed, round } = seal;
  const seals = kept.map(readNote).filter((other) => other && readSeal(other.text));
  const of = (kind) => seals.filter((other) => compareSeals(other.text, read.text) === kind);
  const apart = of("apart").map((other) => readSeal(other.text).round);
  const hash = hex(digest(utf8(read.text)));
  const facts = { ballots, voters, closed, hash, round, poll: pollOf(round) };
  return Object.assign(facts, { isFirst: seals.length === 0, contrary: of("contrary").length, apart });
}
