// Writes the scores from the socket into the page. Until then it shows the figures of when it was loaded, and a link to
// reload. A page of an event follows the event: when it changes, the page is fetched again. Only ECMAScript 2018 and
// the Web APIs of Safari 12, for old tablets (tests/old_phones.rs).

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
// And where an event is, this often.
const ASK_EVERY_MS = 2000;
// A page of another edition is fetched again: at most this often, and not by all screens at once.
const RENEW_EVERY_MS = 5000;
const RENEW_JITTER_MS = 500;
// The host may have several instances, of which another may be behind the one that told: then the page is fetched again
// so often, after so long.
const MAX_RETRIES = 5;
const RETRY_MS = 400;

// The path before all paths of this host.
const base = document.documentElement.dataset.base || "";

let page = document.getElementById("poll");
let poll = page.dataset.poll;
let countdown = countDown(page.querySelector(".countdown"));
const { event } = page.dataset;
// What the page of the event is to show, as it was last told.
let wantedKey = page.dataset.key;
let retries = 0;
let connected = false;
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
    renew();
    return showConnection();
  }
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
  showPhones(scores);
  showLink(false);
  showConnection();
}

// As `event_page.rs` has it.
function showPhones({ state, open, results, voters }) {
  const phones = page.querySelector("#phones");
  if (phones) phones.hidden = !(state === "waiting" || (open && (results === "hidden" || voters === 0)));
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

function showConnection() {
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
function showLink(on) {
  page.querySelector("#again").hidden = !on;
}

// Question, options or visibility changed: fetches the whole page again.
function renew() {
  const early = Math.max(0, renewedAt + RENEW_EVERY_MS - performance.now());
  renewIn(early + Math.random() * RENEW_JITTER_MS);
}

function renewIn(delayMs) {
  if (renewing) return;
  renewing = true;
  setTimeout(async () => {
    renewedAt = performance.now();
    const askedFor = wantedKey;
    try {
      const response = await ask(location.href, { cache: "no-store" }, PATIENCE_MS);
      const fresh = new DOMParser().parseFromString(response.text, "text/html");
      const replacement = fresh.getElementById("poll");
      if (!response.ok || !replacement) return;
      if (event && replacement.dataset.key !== wantedKey && retries < MAX_RETRIES) return;
      wantedKey = replacement.dataset.key;
      replace(replacement);
      document.title = fresh.title;
    } catch (error) {
      // The next scores try again.
      showLink(true);
    } finally {
      renewing = false;
      follow(askedFor);
    }
  }, delayMs);
}

function replace(replacement) {
  const replaced = page;
  const isFocused = replaced.contains(document.activeElement);
  const isOnCode = isFocused && document.activeElement.matches(".enlarge");
  page = replacement;
  if (page.dataset.poll !== poll) watch(page.dataset.poll);
  showLink(false);
  // Before it is on the page, so that screen readers don't announce it as new.
  showConnection();
  replaced.parentNode.replaceChild(page, replaced);
  countdown = countDown(page.querySelector(".countdown"));
  const focused = (isOnCode && page.querySelector(".enlarge")) || page.querySelector("h1[tabindex]");
  if (isFocused && focused) focused.focus();
  announce(replaced);
}

// For screen readers, which don't announce that a part of the page was replaced.
function announce(replaced) {
  const { arrival, edition, news } = page.dataset;
  const [before, now] = [replaced, page].map((it) => it.querySelector("#state"));
  const state = before && now && before.textContent !== now.textContent ? now.textContent : null;
  const heard = arrival !== replaced.dataset.arrival ? arrival : edition !== replaced.dataset.edition ? news : state;
  if (heard) write(document.getElementById("news"), heard);
}

// From now on the scores of another poll, or of none, come by the same socket.
function watch(another) {
  poll = another;
  positions = {};
  staleSince = null;
  delete query.poll;
  if (!poll) return;
  query.poll = poll;
  socket.emit("subscribe", { channel: poll });
  fetchScores();
}

// The server told where the event is.
function hear(now) {
  if (now.event !== event) return;
  retries = 0;
  wantedKey = `${now.version} ${now.page_key || ""}`;
  if (!poll) showLink(false);
  if (wantedKey !== page.dataset.key) renewIn(Math.random() * (now.spread_ms || 0));
}

// The page was fetched for a key: once more if it is not shown, or if another one is wanted by now.
function follow(askedFor) {
  if (!event || wantedKey === page.dataset.key || retries >= MAX_RETRIES) return;
  retries += 1;
  renewIn(wantedKey === askedFor ? RETRY_MS * (0.5 + Math.random()) : 0);
}

async function askWhereItIs() {
  try {
    const response = await ask(`${base}/api/events/${event}/now`, { cache: "no-store" }, PATIENCE_MS);
    if (!response.ok) return;
    if (!connected && !poll) {
      fetchedAt = performance.now();
      showConnection();
    }
    hear(JSON.parse(response.text));
  } catch (error) {
    // As below.
  }
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
if (event) query.event = event;
if (poll) query.poll = poll;
const socket = openSocket(`${base}/socket.io/`, query, {
  event(name, argument) {
    if (name === "scores") show(JSON.parse(argument));
    if (name === "event") hear(JSON.parse(argument));
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
if (event) {
  setInterval(() => connected || askWhereItIs(), ASK_EVERY_MS + Math.random() * 200);
  // After sleep, sooner than a broken connection is noticed.
  document.addEventListener("visibilitychange", () => document.hidden || askWhereItIs());
}
