// Checks the promise or the proof of a receipt in the page, and keeps it for the page that recounts. Only ECMAScript
// 2018 and the Web APIs of Safari 12, for old phones (tests/old_phones.rs).

import { freshText } from "./fresh-text.js";
import { keep, keepAll, kept } from "./kept.js";
import { rootOfPath, same } from "./merkle.js";
import { isSameKey, isSigned, readKey } from "./note.js";
import { readEvidence } from "./statements.js";
import { write } from "./write.js";

const base = document.documentElement.dataset.base || "";
const section = document.getElementById("kept");
const { poll, file, kind, good, unsigned, bad, otherKey } = section.dataset;

function say(id, kindOfNote, text) {
  const said = document.getElementById(id);
  said.className = `note ${kindOfNote}`;
  write(said, text);
  said.hidden = false;
}

// Whether the leaf leads to the root of the checkpoint; of a promise there is nothing to compute.
function leads({ checkpoint, leaf, index, path }) {
  if (!checkpoint) return true;
  const root = rootOfPath(leaf, index, checkpoint.size, path);
  return root !== null && same(root, checkpoint.root);
}

// The key that this browser saw first. Another one is said loudly, and never kept instead.
function firstKey(line) {
  const [first] = kept("key", "");
  if (!first) keep("key", "", line);
  const known = readKey(first || line);
  if (!known || !isSameKey(known, readKey(line))) {
    say("key", "bad", otherKey.replace("{first}", first).replace("{now}", line));
  }
  return first || line;
}

async function check() {
  const [text, line] = await Promise.all([file, `${base}/.well-known/scrutin-key`].map(freshText));
  // The links are still there.
  if (text === null || line === null || !readKey(line.trim())) return;
  const key = readKey(firstKey(line.trim()));
  const evidence = readEvidence(text);
  const isOfPoll = evidence && key && evidence.origin.split("/")[2] === poll;
  const signed = isOfPoll && leads(evidence) ? await isSigned(evidence.note, key) : false;
  say("said", signed === false ? "bad" : "good", signed === false ? bad : signed === null ? unsigned : good);
  if (signed === false) return;
  // A proof takes the place of the promise of the same ballot.
  const isOther = (other) => {
    const before = readEvidence(other);
    return !before || before.checkpoint || kind !== "proof" || !same(before.leaf, evidence.leaf);
  };
  keepAll("proofs", poll, kept("proofs", poll).filter(isOther));
  keep("proofs", poll, text);
}

check();
