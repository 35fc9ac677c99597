// Writes the scores from the socket into the page. Until then it shows the figures of when it was loaded, and a link to
// reload. On a page of an event `follow.js` does more. Only ECMAScript 2018 and the Web APIs of Safari 12, for old
// tablets (tests/old_phones.rs).

import { ask } from "./ask.js";
import { countDown } from "./countdown.js";
import { counted, number, percent, time } from "./language.js";
import { openSocket } from "./socket.js";
import { write } from "./write.js";

const PATIENCE_MS = 10000;
// The server sends scores at least every 10 s. Without any for this long the connection is broken.
const SILENCE_MS = 30000;
// Without a WebSocket the scores are fetched this often.
const FETCH_EVERY_MS = 5000;
// A page of another edition is fetched again: at most this often, and not by all screens at once.
const RENEW_EVERY_MS = 5000;
const RENEW_JITTER_MS = 500;
const SEAL_JITTER_MS = 2000;
// When the page is at rest.
const REST_MS = 4000;

// The path before all paths of this host.
export const base = document.documentElement.dataset.base || "";
// What `follow.js` does: `event` came, `scores` are shown, a fetched page `mayReplace` this one, it has `replaced`
// another, a fetch is `over`.
export const hooks = {};

export let page = document.getElementById("poll");
export let poll = page.dataset.poll;
export let connected = false;
let countdown = countDown(page.querySelector(".countdown"));
let everConnected = false;
let staleSince = null;
let fetchedAt = -Infinity;
// How far the log is counted in the scores shown, by partition.
let positions = {};
let heardAt = performance.now();
let renewedAt = -Infinity;
let renewing = false;

function setLevel(row, votes, voters) {
  const level = row.querySelector(".level");
  const placed = level.firstElementChild.getAttribute("x");
  if (placed !== "0") {
    // The server placed the bar with attributes, which have no transitions. From now on styles move it. The first
    // style sets the present place, so it has no transition.
    level.style.transition = "none";
    level.style.transform = `translateX(${placed})`;
    for (const rect of level.children) rect.setAttribute("x", "0");
    level.getBoundingClientRect();
    level.style.transition = "";
  }
  level.style.transform = `translateX(${voters === 0 ? -100 : Math.min(0, (votes / voters) * 100 - 100)}%)`;
}

function show(scores) {
  if (scores.poll !== poll || !isNewer(scores)) return;
  heardAt = performance.now();
  staleSince = scores.stale_since || null;
  if (scores.edition !== page.dataset.edition) {
    renew(RENEW_JITTER_MS);
    return showConnection();
  }
  // Its words and its code come with the page. Not all screens fetch it at once, nor because a server can't tell it.
  const seal = scores.seal ? scores.seal.hash : scores.state === "closed" ? page.dataset.seal : "";
  if (seal !== page.dataset.seal) renew(SEAL_JITTER_MS);
  for (const row of page.querySelectorAll("tr[data-key]")) {
    const votes = Number(scores[row.dataset.key] || 0);
    write(row.querySelector(".share"), percent(votes, scores.voters));
    write(row.querySelector(".count"), number(votes));
    setLevel(row, votes, scores.voters);
  }
  write(document.getElementById("turnout"), counted(page.dataset.turnout, scores.voters));
  // A closed poll is being counted until all ballots are in the figures.
  const state = scores.state === "closed" && scores.final === false ? "counting" : scores.state;
  write(document.getElementById("state"), page.dataset[`state${state[0].toUpperCase()}${state.slice(1)}`]);
  page.dataset.state = scores.state;
  countdown.heard(scores.closes_in_ms);
  if (hooks.scores) hooks.scores(scores);
  showLink(false);
  showConnection();
}

// Each replica reads the ledger for itself, so after a reconnection scores may be older than those shown. Older
// scores are shown if no newer ones come for a while (a restored ledger). With several partitions scores are older if
// some partition is counted less far than in those shown, and none further.
function isNewer(scores) {
  const now = scores.positions || { 0: scores.position };
  const orders = Object.keys(now).map((partition) => compare(now[partition], positions[partition] || "0-0"));
  const newer = orders.some((order) => order > 0) || !orders.some((order) => order < 0);
  const shown = newer || performance.now() - heardAt > SILENCE_MS / 2;
  if (shown) positions = now;
  return shown;
}

// Below 0 if the first position is before the second, above 0 if it is behind it.
function compare(one, other) {
  const [[millis, sequence], [otherMillis, otherSequence]] = [one, other].map((it) => it.split("-").map(Number));
  return millis - otherMillis || sequence - otherSequence;
}

export function showConnection() {
  const { connectionLive, connectionPolled } = page.dataset;
  const { connectionConnecting, connectionReconnecting, connectionStale } = page.dataset;
  const element = page.querySelector("#connection");
  // Without a WebSocket the scores are still updated.
  const moves = connected ? "live" : performance.now() - fetchedAt < 3 * FETCH_EVERY_MS ? "polled" : "reconnecting";
  const kind = staleSince !== null ? "stale" : moves;
  element.dataset.kind = kind;
  const texts = {
    live: connectionLive,
    polled: connectionPolled,
    reconnecting: everConnected ? connectionReconnecting : connectionConnecting,
    stale: connectionStale.replace("{time}", staleSince === null ? "" : time(staleSince)),
  };
  write(element, texts[kind]);
}

// The link to reload is for browsers in which this script does not run or fails.
export function showLink(on) {
  page.querySelector("#again").hidden = !on;
}

// Question, options, visibility or the seal changed: fetches the whole page again.
function renew(jitterMs) {
  const early = Math.max(0, renewedAt + RENEW_EVERY_MS - performance.now());
  renewIn(early + Math.random() * jitterMs);
}

export function renewIn(delayMs) {
  if (renewing) return;
  renewing = true;
  setTimeout(async () => {
    renewedAt = performance.now();
    try {
      const response = await ask(location.href, { cache: "no-store" }, PATIENCE_MS);
      const fresh = new DOMParser().parseFromString(response.text, "text/html");
      const replacement = fresh.getElementById("poll");
      if (!response.ok || !replacement || (hooks.mayReplace && !hooks.mayReplace(replacement))) return;
      const replaced = page;
      page = replacement;
      showLink(false);
      // Before it is on the page, so that screen readers don't announce it as new.
      showConnection();
      const focused = replaced.contains(document.activeElement) ? document.activeElement : null;
      replaced.parentNode.replaceChild(replacement, replaced);
      countdown = countDown(page.querySelector(".countdown"));
      document.title = fresh.title;
      // For screen readers, which don't announce that a part of the page was replaced.
      const news = hooks.replaced ? hooks.replaced(replaced, focused) : page.dataset.news;
      if (news) write(document.getElementById("news"), news);
    } catch (error) {
      // The next scores try again.
      showLink(true);
    } finally {
      renewing = false;
      if (hooks.over) hooks.over();
    }
  }, delayMs);
}

// From now on the scores of another poll, or of none, come by the same socket.
export function watch(another) {
  poll = another;
  positions = {};
  staleSince = null;
  delete query.poll;
  if (!poll) return;
  query.poll = poll;
  socket.emit("subscribe", { channel: poll });
  fetchScores();
}

// The connection may be dead.
export function reconnect() {
  socket.restart();
}

// The server was asked for something else, without a WebSocket.
export function heardByAsking() {
  fetchedAt = performance.now();
  showConnection();
}

async function fetchScores() {
  if (connected || !poll) return;
  if (everConnected || fetchedAt > 0) showConnection();
  try {
    const response = await ask(`${base}/api/polls/${poll}/tally`, { cache: "no-store" }, PATIENCE_MS);
    if (!response.ok) return;
    fetchedAt = performance.now();
    const tally = JSON.parse(response.text);
    show(Object.assign({}, tally.votes, tally));
  } catch (error) {
    // The server is away; the socket keeps trying.
  }
}

const query = {};
if (page.dataset.event) query.event = page.dataset.event;
if (poll) query.poll = poll;
const socket = openSocket(`${base}/socket.io/`, query, {
  event(name, argument) {
    if (name === "scores") show(JSON.parse(argument));
    if (name === "event" && hooks.event) hooks.event(JSON.parse(argument));
  },
  state(now) {
    connected = now;
    everConnected = everConnected || now;
    heardAt = performance.now();
    showConnection();
  },
});

setInterval(() => {
  fetchScores();
  // Between the questions of an event nothing is sent; the socket itself notices when it is silent.
  if (connected && poll && performance.now() - heardAt > SILENCE_MS) socket.restart();
}, FETCH_EVERY_MS + Math.random() * 500);

// What keeps an eye on the trees of ballots is loaded last. It takes nothing from here: imported from a page that names
// this file with its fingerprint, this would run twice.
if (document.getElementById("trees")) {
  setTimeout(() => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = `${base}/static/checkpoints.js`;
    document.head.appendChild(script);
  }, REST_MS);
}
