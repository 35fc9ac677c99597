// The page that checks a poll: it has the seal read (seals.js) and the published ballots recounted (recount.js), beside
// the page where that can be, and says what came of it. What it is given to find the own ballot is not sent. Only
// ECMAScript 2018 and the Web APIs of Safari 12, for old phones (tests/old_phones.rs).

import { freshText } from "./fresh-text.js";
import { keep, kept } from "./kept.js";
import { dateAndTime, number } from "./language.js";
import { load } from "./late.js";
import { write } from "./write.js";

// A proof has some kilobytes; a file of more is something else.
const MAX_PROOF_BYTES = 65536;
const HASH = /^#[0-9a-f]{64}$/;

const base = document.documentElement.dataset.base || "";
const page = document.getElementById("check");
const texts = page.dataset;
const { poll } = texts;
const isPublished = "published" in texts;
const address = `${base}/api/polls/${poll}`;
// What was given on this page to find the own ballot.
const given = [];
let ballotsToCome = null;
let running = null;
// Not tried yet.
let worker;

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

function row(name) {
  return page.querySelector(`[data-check="${name}"]`);
}

function element(name, text, kind) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

// A worker that loads modules: null where there is none.
function openWorker() {
  return new Promise((resolve) => {
    let asked = false;
    // Safari 12 doesn't ask for the type, and loads a classic script.
    const options = {
      get type() {
        asked = true;
        return "module";
      },
    };
    try {
      const opened = new Worker(document.getElementById("check-script").dataset.worker, options);
      const giveUp = () => {
        opened.terminate();
        resolve(null);
      };
      opened.onerror = giveUp;
      opened.onmessage = () => resolve(opened);
      if (!asked) giveUp();
    } catch (error) {
      resolve(null);
    }
  });
}

// What `lookAtSeal` says of `{ seal }`, and `recount` of any other job: in a worker, or else in the page itself.
async function done(job) {
  if (worker === undefined) worker = await openWorker();
  if (worker === null) {
    const { recount, lookAtSeal } = await load("late-recount");
    return job.seal ? lookAtSeal(job.seal) : recount(job, showProgress);
  }
  return new Promise((resolve, reject) => {
    worker.onerror = reject;
    worker.onmessage = ({ data }) => {
      if (data.progress) showProgress(data.progress);
      if ("report" in data) resolve(data.report);
      if (data.failure) reject(new Error(data.failure));
    };
    worker.postMessage(job);
  });
}

function showProgress({ ballots, seconds }) {
  if (seconds !== undefined) return setVerdict("", fill(texts.busy, { seconds: number(seconds) }));
  const progress = document.getElementById("progress");
  progress.hidden = false;
  if (ballotsToCome) {
    progress.max = ballotsToCome;
    progress.value = ballots;
  }
  setVerdict("", fill(texts.counting, { count: number(ballots) }));
}

function setVerdict(kind, text) {
  const verdict = document.getElementById("verdict");
  verdict.className = `note ${kind}`;
  write(verdict.firstElementChild, text);
}

// The words that say where something does not hold.
function where(fault) {
  const values = Object.assign({}, fault);
  for (const name of ["signed", "there"]) if (name in values) values[name] = number(values[name]);
  if ("asked" in fault) return fill(texts.asked, values);
  if ("origin" in fault) return fill(texts.lacking, values);
  if ("line" in fault) return fill(texts.line, values);
  if ("mark" in fault) return fill(texts.mark, values);
  if ("partition" in fault) return fill(texts.partition, values);
  if ("option" in fault) return fill(texts.votes, values);
  return "there" in fault ? fill(texts.numbers, values) : null;
}

// Says what came of a check: `{ faults, more, open }`, and a text for where it is open.
function showCheck(name, { faults, more, open }, note) {
  const item = row(name);
  const said = item.querySelector(".said");
  if (!item.dataset.good) item.dataset.good = said.textContent;
  for (const old of item.querySelectorAll("strong, .where, .aside")) item.removeChild(old);
  const state = faults.length > 0 ? "bad" : open ? "open" : "good";
  const labels = { bad: texts.fails, open: texts.open, good: texts.holds };
  item.insertBefore(element("strong", labels[state], state), item.firstChild);
  said.textContent = state === "bad" ? item.dataset.bad : note || item.dataset.good;
  for (const text of faults.map(where)) if (text) item.appendChild(element("span", text, "where"));
  if (more > 0) item.appendChild(element("span", fill(texts.more, { count: number(more) }), "where"));
  item.hidden = false;
  return state;
}

// What the server shows of the votes, beside what was recounted.
function compareShown({ votes, options, complete }, shown) {
  const body = page.querySelector("#result tbody");
  body.textContent = "";
  const check = { faults: [], more: 0, open: !complete || !shown || !shown.votes };
  options.forEach((option, index) => {
    const there = shown && shown.votes ? shown.votes[keyOf(index)] : null;
    const line = document.createElement("tr");
    const head = element("th", option);
    head.scope = "row";
    head.dir = "auto";
    const differs = complete && there !== null && there !== votes[index];
    if (differs) check.faults.push({});
    line.appendChild(head);
    line.appendChild(element("td", number(votes[index])));
    line.appendChild(element("td", there === null ? "–" : number(there), differs ? "bad" : ""));
    body.appendChild(line);
  });
  return check;
}

// The key that an option has in ballots.
function keyOf(index) {
  return String.fromCharCode(97 + index);
}

// The choices of a ballot in the words of `options`.
function inWords(choices, options) {
  return options.filter((_, index) => choices.includes(keyOf(index))).join(", ");
}

// `sealed` are the words at the close; a ballot is shown with those that it was cast for.
function showOwn(own, sealed) {
  const found = document.getElementById("found");
  found.textContent = "";
  for (const { fate, choices, cast } of own) {
    const name = `own${fate[0].toUpperCase()}${fate.slice(1)}`;
    const kind = { counts: "good", missing: "bad", broken: "bad" }[fate] || "";
    const box = document.createElement("div");
    box.className = `note ${kind}`;
    const words = cast || sealed;
    box.appendChild(element("p", fill(texts[name], { choices: choices ? inWords(choices, words.options) : "" })));
    const read = ({ question, options }) => [question, ...options].join("\n");
    if (choices && read(words) !== read(sealed)) {
      const corrected = [];
      if (words.question !== sealed.question) corrected.push(fill(texts.ownAsked, { question: words.question }));
      corrected.push(fill(texts.ownWords, { sealed: sealed.question, choices: inWords(choices, sealed.options) }));
      box.appendChild(element("p", corrected.join(" ")));
    }
    found.appendChild(box);
  }
}

// Says how what was kept fits, and of what that is which can't be compared.
function showBefore(check, apart) {
  const note = apart.length > 0 ? fill(texts.apart, { names: apart.join(", ") }) : null;
  const state = showCheck("before", check, note);
  if (state === "bad" && note) row("before").appendChild(element("span", note, "aside"));
  return state;
}

function showReport({ checks, poll: counted, own, apart }, job, shown) {
  const states = ["poll", "terms", "trees", "roots", "chains", "rules", "tally"].map((name) =>
    showCheck(name, checks[name]),
  );
  states.push(showCheck("file", checks.file, checks.file.open ? texts.fileOpen : null));
  states.push(showCheck("key", checks.key, job.keyIsNew ? texts.keyNew : null));
  states.push(showCheck("signed", checks.signed, checks.signed.open ? texts.signedOpen : null));
  if (job.hash) states.push(showCheck("code", checks.code));
  const isCompared = job.keeps || apart.length > 0 || checks.before.faults.length > 0;
  if (isCompared) states.push(showBefore(checks.before, apart));
  if (job.own.length > 0) states.push(showCheck("own", checks.own, checks.own.open ? texts.ownOpen : null));
  if (counted) {
    document.getElementById("result").hidden = false;
    const { ballots, voters } = counted;
    write(document.getElementById("sums"), fill(texts.sums, { ballots: number(ballots), voters: number(voters) }));
    const wordings = document.getElementById("wordings");
    wordings.hidden = counted.wordings < 2;
    write(wordings, fill(texts.wordings, { count: number(counted.wordings) }));
    states.push(showCheck("shown", compareShown(counted, shown)));
    // One that is of another poll or not signed tells nothing later.
    const isOurs = checks.poll.faults.length === 0 && checks.signed.faults.length === 0;
    if (isOurs) keep("seals", poll, counted.seal);
  }
  showOwn(own, counted);
  if (states.includes("bad")) setVerdict("bad", texts.allBad);
  else if (states.includes("open")) setVerdict("", texts.allOpen);
  else setVerdict("good", texts.allGood);
}

// The seal as the server gives it now, with its words if the server names them for the same hash.
function showSeal(seal, shown) {
  const line = document.getElementById("seal");
  document.getElementById("sealed").hidden = false;
  if (!seal) return write(line, texts.unsealed);
  const { ballots, voters, closed, hash } = seal;
  const values = { ballots: number(ballots), voters: number(voters), time: dateAndTime(closed) };
  write(line, fill(texts.sealed, values));
  ballotsToCome = ballots;
  write(document.getElementById("hash"), hash);
  const words = document.getElementById("words");
  const named = shown && shown.seal && shown.seal.hash === hash ? shown.seal.words : [];
  for (const word of named) words.appendChild(element("li", word));
  words.hidden = named.length === 0;
}

// Compares the seal of now with the page's poll, and with those that this browser saw.
function compareWithKept({ poll: found, round, isFirst, contrary, apart }) {
  showCheck("poll", { faults: found === poll ? [] : [{ asked: poll, found: found || round }], more: 0, open: false });
  if (isFirst) return;
  showBefore({ faults: new Array(contrary).fill({}), more: 0, open: apart.length > 0 }, apart);
}

async function showTrees() {
  const text = await freshText(`${address}/log`);
  if (!text) return;
  const { trees } = JSON.parse(text);
  const round = Math.max(...trees.map((tree) => tree.round));
  // In their order, so that of each partition the newest generation is left.
  const ofRound = trees.filter((tree) => tree.round === round);
  const sizes = new Map(ofRound.map(({ partition, size }) => [partition, size]));
  const count = Array.from(sizes.values()).reduce((sum, size) => sum + size, 0);
  const line = document.getElementById("trees");
  line.hidden = trees.length === 0;
  write(line, fill(texts.trees, { count: number(count) }));
}

// Recounts, unless it is being done; with all that is known now.
async function run(key, keyIsNew, seal, shown) {
  const notes = [...kept("seals", poll), ...kept("checkpoints", poll)];
  const keeps = notes.length > 0;
  const hash = HASH.test(location.hash) ? location.hash.slice(1) : null;
  if (seal && !notes.includes(seal)) notes.push(seal);
  const own = Array.from(new Set([...kept("proofs", poll), ...given]));
  const url = new URL(`${address}/published`, location.href).href;
  const job = { url, poll, key, hash, notes, keeps, own };
  try {
    const report = await done(job);
    showReport(report, Object.assign({ keyIsNew }, job), shown);
  } catch (error) {
    setVerdict("", texts.away);
  }
  document.getElementById("progress").hidden = true;
  document.getElementById("own").hidden = false;
}

async function begin() {
  const [line, seal, tally] = await Promise.all(
    [`${base}/.well-known/scrutin-key`, `${address}/seal`, `${address}/tally`].map(freshText),
  );
  const shown = tally ? JSON.parse(tally) : null;
  const [first] = kept("key", "");
  const key = first || (line ? line.trim() : null);
  if (!first && key) keep("key", "", key);
  const read = seal ? await done({ seal: { note: seal, kept: kept("seals", poll) } }).catch(() => null) : null;
  showSeal(read, shown);
  if (!isPublished) {
    showTrees();
    if (!read) return;
    const wanted = HASH.test(location.hash) ? location.hash.slice(1) : null;
    if (wanted) showCheck("code", { faults: wanted === read.hash ? [] : [{}], more: 0, open: false });
    compareWithKept(read);
    keep("seals", poll, seal);
    return;
  }
  const again = () => {
    running = (running || Promise.resolve()).then(() => run(key, !first, seal, shown));
  };
  addEventListener("hashchange", again);
  document.getElementById("find").addEventListener("click", () => {
    given.push(document.getElementById("proof").value.trim().concat("\n"));
    again();
  });
  document.getElementById("file").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (!file || file.size > MAX_PROOF_BYTES) return;
    const reader = new FileReader();
    reader.onload = () => {
      document.getElementById("proof").value = reader.result;
    };
    reader.readAsText(file);
  });
  again();
}

begin();
