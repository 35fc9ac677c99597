// Keeps the checkpoints of the poll on the live page, and looks now and then whether its trees have only grown since.
// Two that can't both be true are told for good. A smaller tree that fits is none: another instance may be behind.
// `result.js` loads this once the page is at rest. Only ECMAScript 2018 and the Web APIs of Safari 12, as there.

import { ask } from "./ask.js";
import { keep, keepAll, kept } from "./kept.js";
import { dateAndTime } from "./language.js";
import { load } from "./late.js";
import { write } from "./write.js";

const PATIENCE_MS = 10000;
const LOOK_EVERY_MS = 60000;
// Screens don't look all at once: neither after they were opened, nor when the poll is closed.
const SPREAD_MS = 10000;
const BEAT_MS = 1000;
// So many trees are looked at each time, others the next.
const MAX_TREES = 32;
const DIGEST_BYTES = 32;

const base = document.documentElement.dataset.base || "";
const place = document.getElementById("trees");
let lookAt = performance.now() + Math.random() * SPREAD_MS;
let looking = false;
let seenState = null;

// The poll that is on the page now, and its state; none between the questions of an event.
function shown() {
  const page = document.getElementById("poll");
  return page ? page.dataset : {};
}

// What a checkpoint says; null if it is none.
function read(note) {
  const [origin, size, root, end] = note.split("\n");
  return end === "" && /^[0-9]+$/.test(size) ? { origin, size: Number(size), root, note } : null;
}

// The trees of the newest round, of each partition the newest; another part of them each time if they are many.
function newest(trees) {
  const round = Math.max(...trees.map((tree) => tree.round));
  const ofRound = trees.filter((tree) => tree.round === round);
  const isNewest = (tree) =>
    ofRound.every(({ partition, generation }) => partition !== tree.partition || generation <= tree.generation);
  const found = ofRound.filter(isNewest);
  const from = found.length > MAX_TREES ? Math.floor(Math.random() * found.length) : 0;
  return found.slice(from, from + MAX_TREES);
}

// The bytes of a tile. One that has become full since is cut.
async function fetchTile(folder, path) {
  const [whole, width] = path.split(".p/");
  const answer = await fetch(`${folder}/tile/${path}`, { credentials: "same-origin" });
  if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
  const full = width ? await fetch(`${folder}/tile/${whole}`, { credentials: "same-origin" }) : answer;
  if (!full.ok) throw new Error(`no tile ${path}`);
  return new Uint8Array(await full.arrayBuffer()).slice(0, Number(width) * DIGEST_BYTES);
}

async function compare(watched, { origin, address, generation }) {
  const folder = base + address;
  const { ok, text } = await ask(`${folder}/checkpoint`, { cache: "no-store" }, PATIENCE_MS);
  const now = ok ? read(text) : null;
  if (!now || now.origin !== origin) return;
  const all = kept("checkpoints", watched).map(read).filter((known) => known);
  const known = all.find((other) => other.origin === origin);
  const older = origin.slice(0, origin.lastIndexOf("/") + 1);
  if (generation > 0 && all.some((other) => other.origin !== origin && other.origin.startsWith(older))) {
    tellOfLoss(generation);
  }
  const grew = known ? await compared(known, now, folder) : "grows";
  if (grew === "contradiction") keep("contradictions", watched, `${known.note}\n${now.note}`);
  if (grew !== "grows" || (known && known.size >= now.size)) return;
  keepAll("checkpoints", watched, all.filter((other) => other !== known).map((other) => other.note).concat([text]));
}

async function compared(known, now, folder) {
  if (known.size === now.size) return known.root === now.root ? "grows" : "contradiction";
  const { growth } = await load("late-growth");
  const [small, large] = known.size < now.size ? [known, now] : [now, known];
  return growth(small.note, large.note, (path) => fetchTile(folder, path));
}

async function look() {
  const { poll: watched } = shown();
  if (looking || !watched) return;
  looking = true;
  try {
    const { ok, text } = await ask(`${base}/api/polls/${watched}/log`, { cache: "no-store" }, PATIENCE_MS);
    for (const tree of ok ? newest(JSON.parse(text).trees) : []) {
      // One that can't be compared now is looked at the next time.
      await compare(watched, tree).catch(() => null);
    }
  } catch (error) {
    // The server is away.
  }
  looking = false;
  accuse(watched);
}

function add(parent, name, text, properties) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.appendChild(Object.assign(made, properties));
  return made;
}

// Shows what was found, also before this page was opened.
function accuse(watched) {
  const found = watched ? kept("contradictions", watched) : [];
  if (found.length === 0) return;
  const text = found.join("\n");
  const old = place.querySelector("aside");
  if (old && old.querySelector("textarea").value === text) return;
  if (old) place.removeChild(old);
  const banner = add(place, "aside", "", { className: "note bad contradiction" });
  banner.setAttribute("role", "alert");
  add(banner, "h2", place.dataset.title, { id: "contradiction" });
  add(banner, "p", place.dataset.text);
  const field = add(banner, "textarea", "", { value: text, readOnly: true, rows: 6 });
  field.setAttribute("aria-labelledby", "contradiction");
  const line = add(banner, "p", "");
  const copy = add(line, "button", place.dataset.copy, { type: "button", className: "plain" });
  copy.addEventListener("click", () => {
    field.select();
    // Also at addresses without https, where there is no other way.
    document.execCommand("copy");
  });
  add(line, "a", place.dataset.download, {
    className: "button plain",
    href: `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`,
    download: `scrutin-${watched}-contradiction.txt`,
  });
}

function tellOfLoss(generation) {
  const line = place.querySelector(".loss") || add(place, "p", "", { className: "quiet loss" });
  line.setAttribute("role", "status");
  write(line, place.dataset.loss.replace("{time}", dateAndTime(generation)));
}

setInterval(() => {
  const { state } = shown();
  const closed = seenState !== null && state !== seenState && state === "closed";
  if (state) seenState = state;
  const now = performance.now();
  if (closed) lookAt = Math.min(lookAt, now + Math.random() * SPREAD_MS);
  if (now < lookAt) return;
  lookAt = now + LOOK_EVERY_MS * (0.75 + Math.random() / 2);
  look();
}, BEAT_MS);
add(document.head, "link", "", { rel: "stylesheet", href: `${base}/static/trees.css` });
accuse(shown().poll);
