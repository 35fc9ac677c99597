// Recounts published ballots, and checks all that can be checked of them, as they arrive (docs/verification.md). It
// knows nothing of pages: a Web Worker runs it, or the page itself where that can't be. Only ECMAScript 2018, for old
// phones (tests/old_phones.rs).

import { Chains } from "./chains.js";
import { digestOfTerms, digestOfTree, isHeader, readHeader } from "./header.js";
import { GrowingRoot, rootOfPath, same } from "./merkle.js";
import { hex, isSameKey, isSigned, readCheckpoint, readKey, readNote, utf8, wholeNumber } from "./note.js";
import { BallotLine, LineReader, MAX_HEADER, MAX_LINE } from "./publication.js";
import { DIGEST_BYTES, begin, byte, bytes, digest, finish, integer, text } from "./sha256.js";
import { compareSeals, optionKey, readEvidence, readResult, readSeal } from "./statements.js";

// Of each check, so many faults are told.
const MOST_FAULTS = 5;
// So often the file is asked for, and so long is waited in between.
const MOST_TRIES = 6;
const LONGEST_WAIT_S = 30;
const CHOICE_LABEL = utf8("scrutin choice 1");

// Thrown where the file can't be read on, with the line. A file that breaks off, or is something else, accuses nobody.
class Unreadable extends Error {}
const OTHER_FILE = "another file";

// `{ url, poll, key, hash, notes, own }`: the address of the file, the poll of which it must be, the key that is known
// (or null), the seal's hash that it must have (or null), seals and checkpoints that were kept, and proofs and promises
// of own ballots. `tell` is called now and then, with `{ ballots }` that are counted, or `{ seconds }` until the file
// is asked for again. The answer: `{ checks, poll, own, apart }`; of each check `{ faults, more, open }`, where `open`
// says that it could not be made; `apart` names what the notes are of that can't be compared with this file. It fails
// only if the file can't be fetched.
export async function recount(job, tell) {
  const response = await fetchFile(job.url, tell);
  const recount = new Recount(job, tell);
  const lines = new LineReader(response);
  try {
    await recount.read(lines);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (lines.brokeOff || error.message === OTHER_FILE) recount.checks.file.open = true;
    else recount.find("file", { line: Number(error.message) });
  }
  return recount.report();
}

// The answer with the file. A server that sends as many as it can says when to ask again.
async function fetchFile(url, tell) {
  for (let tries = 1; ; tries++) {
    const response = await fetch(url, { credentials: "same-origin" });
    if (response.ok) return response;
    const asked = response.status === 503 ? wholeNumber(response.headers.get("retry-after") || "") : null;
    if (asked === null || tries === MOST_TRIES) throw new Error(`the server answered ${response.status}`);
    // Not all who wait ask at once.
    const seconds = Math.min(asked, LONGEST_WAIT_S) * (1 + Math.random() / 2);
    tell({ seconds: Math.ceil(seconds) });
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

class Recount {
  constructor(job, tell) {
    Object.assign(this, { job, tell, checks: {}, votes: [], ballots: 0, voters: 0, complete: false, header: null });
    for (const name of "file poll key signed terms trees roots chains rules tally code before own".split(" ")) {
      this.checks[name] = { faults: [], more: 0, open: false };
    }
    // What was kept, by the origin of its tree: roots by size, and leaves.
    this.roots = new Map();
    this.apart = new Set();
    const own = { origin: null, leaf: null, fate: "unknown", choices: null, cast: null };
    this.own = job.own.map((text) => Object.assign({ text }, own));
    this.ballot = new BallotLine();
    this.leaf = new Uint8Array(DIGEST_BYTES);
    this.hidden = new Uint8Array(DIGEST_BYTES);
  }

  find(check, fault) {
    const { faults } = this.checks[check];
    if (faults.length < MOST_FAULTS) faults.push(fault);
    else this.checks[check].more += 1;
  }

  async read(lines) {
    const line = await lines.text(MAX_HEADER);
    if (line === null || !isHeader(line)) throw new Unreadable(OTHER_FILE);
    this.header = readHeader(line);
    if (!this.header) throw new Unreadable(1);
    await this.compareStatements();
    if (!this.seal) throw new Unreadable(1);
    await this.openKept();
    for (let partition = 0; partition < this.seal.trees.length; partition++) await this.readTree(lines, partition);
    if ((await lines.text(MAX_LINE)) !== "end" || !(await lines.isAtEnd())) throw new Unreadable(lines.number + 1);
    this.complete = true;
    this.compareSums();
  }

  async compareStatements() {
    const { header, job } = this;
    this.round = `scrutin/${header.installation}/${header.poll}/${header.round}`;
    if (header.poll !== job.poll) this.find("poll", { asked: job.poll, found: header.poll });
    const [key, known] = [readKey(header.key), readKey(job.key || header.key)];
    const isKnown = key && known && isSameKey(key, known);
    if (!key || key.name !== `scrutin/${header.installation}` || !isKnown) this.find("key", {});
    const [seal, result] = [readNote(header.seal), readNote(header.result)];
    for (const note of [seal, result]) {
      const signed = note && known ? await isSigned(note, known) : false;
      if (signed === null) this.checks.signed.open = true;
      if (signed === false) this.find("signed", {});
    }
    this.known = known;
    this.sealText = seal ? seal.text : "";
    this.seal = seal && readSeal(seal.text);
    this.sealHash = hex(digest(utf8(this.sealText)));
    this.result = result && readResult(result.text);
    this.wordings = header.wordings.map(digestOfTerms);
    // Those that a ballot was cast for.
    this.used = new Uint8Array(this.wordings.length);
    if (job.hash && job.hash !== this.sealHash) this.find("code", {});
    this.compareTerms();
  }

  // The words and rules at the close, and whether the seal is of them.
  compareTerms() {
    const { wordings } = this.header;
    const sealed = this.wordings.map(hex).lastIndexOf(this.seal ? this.seal.wording : "");
    this.terms = wordings[sealed < 0 ? wordings.length - 1 : sealed];
    this.options = this.terms.options.length;
    this.votes = new Array(this.options).fill(0);
    const isOfRound = this.seal && this.seal.round === this.round;
    if (sealed < 0 || !isOfRound || !this.terms.publish) this.find("terms", {});
  }

  // Reads what was kept. What is of another poll, round or generation can't be compared with this file.
  async openKept() {
    for (const note of this.job.notes) {
      const checkpoint = readCheckpoint(note);
      const read = readNote(note);
      const seal = read && readSeal(read.text);
      const signed = read && this.known ? await isSigned(read, this.known) : false;
      if (signed === false || (!checkpoint && !seal)) continue;
      if (checkpoint) this.keepRoot(checkpoint);
      else this.keepSeal(read.text, seal);
    }
    for (const own of this.own) {
      const evidence = readEvidence(own.text);
      if (!evidence) continue;
      const signed = this.known ? await isSigned(evidence.note, this.known) : false;
      const { checkpoint, index, leaf, path } = evidence;
      const root = checkpoint && rootOfPath(leaf, index, checkpoint.size, path);
      const holds = signed !== false && (!checkpoint || (root !== null && same(root, checkpoint.root)));
      const place = holds ? this.placeOf(evidence.origin) : null;
      own.fate = !holds ? "broken" : place === "apart" ? "elsewhere" : "missing";
      if (holds) Object.assign(own, { origin: evidence.origin, leaf });
      if (place === "here" && checkpoint) this.keepRoot(checkpoint);
    }
  }

  // What a tree is to those of the seal: "here"; "lacking" if it must be one of them, and is none; "apart" if it is of
  // another poll or round, or was given up after a loss.
  placeOf(origin) {
    const [, round, partition, generation] = /^(.*)\/([0-9]+)\/([0-9]+)$/.exec(origin) || [];
    if (round !== this.round) return "apart";
    const sealed = this.seal.trees[partition];
    if (!sealed || wholeNumber(generation) > sealed.generation) return "lacking";
    return origin === this.origin(partition) ? "here" : "apart";
  }

  origin(partition) {
    return `${this.round}/${partition}/${this.seal.trees[partition].generation}`;
  }

  keepRoot({ origin, size, root }) {
    const place = this.placeOf(origin);
    if (place === "lacking") this.find("before", { origin });
    if (place === "apart") this.apart.add(origin);
    if (place !== "here") return;
    const sizes = this.roots.get(origin) || new Map();
    this.roots.set(origin, sizes);
    const roots = sizes.get(size) || [];
    sizes.set(size, roots.concat([root]));
  }

  keepSeal(text, { round, trees }) {
    const is = compareSeals(text, this.sealText);
    if (is === "apart") this.apart.add(round);
    if (is === "contrary") this.find("before", {});
    if (is !== "earlier") return;
    trees.forEach(({ generation, size, root }, partition) =>
      this.keepRoot({ origin: `${round}/${partition}/${generation}`, size, root }),
    );
  }

  async readTree(lines, partition) {
    const sealed = this.seal.trees[partition];
    const heading = (await lines.text(MAX_LINE)) || "";
    const [word, ...fields] = heading.split(" ");
    const numbers = fields.map(wholeNumber);
    if (word !== "tree" || numbers.length !== 4 || numbers.includes(null)) throw new Unreadable(lines.number);
    const [stated, partitions, generation, size] = numbers;
    const isSealed = stated === partition && generation === sealed.generation && size === sealed.size;
    if (!isSealed || partitions !== this.seal.trees.length) this.find("trees", { partition });
    const tree = {
      id: digestOfTree(this.header, numbers),
      root: new GrowingRoot(),
      chains: new Chains(),
      sizes: this.roots.get(this.origin(partition)) || new Map(),
      own: this.own.filter(({ origin }) => origin === this.origin(partition)),
      partition,
    };
    this.compareRoot(tree);
    await this.readBallots(lines, tree, size);
    if (tree.root.size !== sealed.size || !same(tree.root.root(), sealed.root)) this.find("roots", { partition });
    for (const size of tree.sizes.keys()) if (size > tree.root.size) this.find("before", { partition });
    this.voters += tree.chains.check((mark) => this.find("chains", { mark }));
    this.ballots += tree.root.size;
  }

  async readBallots(lines, tree, size) {
    for (let rest = size; rest > 0; rest--) {
      let found = lines.next(MAX_LINE);
      while (found === null) {
        this.tell({ ballots: this.ballots + tree.root.size });
        await lines.more();
        found = lines.next(MAX_LINE);
      }
      if (!found || !this.ballot.read(lines.buffer, lines.from, lines.to)) throw new Unreadable(lines.number + !found);
      this.add(tree, lines.number);
    }
  }

  add(tree, line) {
    const { ballot, hidden, leaf } = this;
    const counts = ballot.count > 0;
    tree.chains.add(ballot.mark, ballot.replaces, counts);
    this.compareRules(line, counts);
    if (counts) hideChoices(ballot, hidden);
    else hidden.set(ballot.hidden);
    const wording = this.wordings[ballot.wording - 1];
    if (wording) this.used[ballot.wording - 1] = 1;
    else this.find("rules", { line });
    begin();
    byte(0);
    bytes(tree.id, 0, DIGEST_BYTES);
    bytes(wording || tree.id, 0, DIGEST_BYTES);
    bytes(ballot.mark, 0, 16);
    bytes(ballot.replaces, 0, 16);
    bytes(hidden, 0, DIGEST_BYTES);
    finish(leaf, 0);
    tree.root.push(leaf, 0);
    for (const own of tree.own) if (own.leaf[0] === leaf[0] && same(own.leaf, leaf)) this.settle(own, counts);
    this.compareRoot(tree);
  }

  compareRules(line, counts) {
    const { changes, max_choices: most } = this.terms;
    const { choices, count, isChange } = this.ballot;
    if (counts && (count > most || choices >>> 0 >= 2 ** this.options)) this.find("rules", { line });
    if (!changes && (isChange || !counts)) this.find("rules", { line });
    if (!counts) return;
    for (let option = 0; option < this.options; option++) this.votes[option] += (choices >>> option) & 1;
  }

  // The root where somebody had kept one of this size.
  compareRoot({ root, sizes, partition }) {
    if (sizes.size === 0 || !sizes.has(root.size)) return;
    const now = root.root();
    if (!sizes.get(root.size).every((kept) => same(kept, now))) this.find("before", { partition });
  }

  settle(own, counts) {
    const letters = String.fromCharCode(...this.ballot.letters.subarray(0, this.ballot.count));
    const cast = this.header.wordings[this.ballot.wording - 1] || null;
    Object.assign(own, { fate: counts ? "counts" : "replaced", choices: counts ? letters : null, cast });
  }

  compareSums() {
    const { seal, result } = this;
    const used = this.header.wordings.filter((_, i) => this.used[i]);
    if (used.some((terms) => rulesOf(terms) !== rulesOf(this.terms))) this.find("terms", {});
    if (this.ballots !== seal.ballots) this.find("tally", { signed: seal.ballots, there: this.ballots });
    if (this.voters !== seal.voters) this.find("tally", { signed: seal.voters, there: this.voters });
    const isOfSeal = result && result.round === this.round && result.seal === this.sealHash;
    if (!isOfSeal || result.votes.length !== this.options) return this.find("tally", {});
    result.votes.forEach((signed, option) => {
      const there = this.votes[option];
      if (signed !== there) this.find("tally", { option: optionKey(option), signed, there });
    });
  }

  report() {
    // A part of the file says nothing of the whole.
    if (this.apart.size > 0) this.checks.before.open = true;
    const whole = "trees roots chains rules tally before".split(" ");
    if (!this.complete) for (const name of whole) this.checks[name].open = true;
    for (const name of Object.keys(this.checks)) if (!this.header && name !== "file") this.checks[name].open = true;
    const own = this.own.map(({ fate, choices, cast }) => ({
      fate: !this.complete && fate === "missing" ? "unknown" : fate,
      choices,
      cast,
    }));
    for (const { fate } of own) {
      if (fate === "missing" || fate === "broken") this.find("own", {});
      if (fate === "elsewhere" || fate === "unknown") this.checks.own.open = true;
    }
    const poll = this.header && this.seal ? this.summary() : null;
    return { checks: this.checks, poll, own, apart: Array.from(this.apart).slice(0, MOST_FAULTS) };
  }

  summary() {
    const { header, seal, ballots, voters, votes, complete } = this;
    const { question, options } = this.terms;
    const { sealHash: hash } = this;
    const wordings = new Set(this.wordings.map(hex).filter((_, i) => this.used[i])).size;
    const words = { question, options, wordings };
    return Object.assign(words, { ballots, voters, votes, complete, hash, seal: header.seal, closed: seal.closed });
  }
}

// The rules, which no correction changes.
function rulesOf({ options, max_choices: most, changes, access, publish }) {
  return JSON.stringify([options.length, most, changes, access, publish]);
}

function hideChoices({ blind, letters, count }, out) {
  begin();
  text(CHOICE_LABEL);
  bytes(blind, 0, 16);
  integer(count);
  bytes(letters, 0, count);
  finish(out, 0);
}
