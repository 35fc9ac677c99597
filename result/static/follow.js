// The live page of an event follows it: when the event changes, or the poll that is on, the page is fetched again. Only
// ECMAScript 2018 and the Web APIs of Safari 12, as result.js.

import { ask } from "./ask.js";
import { onWake } from "./awake.js";
import { base, connected, heardByAsking, hooks, page, poll, reconnect, renewIn, showLink, watch } from "./result.js";

const PATIENCE_MS = 10000;
// Without a WebSocket it is asked this often where the event is.
const ASK_EVERY_MS = 2000;
// The host may have several instances, of which another may be behind the one that told: then the page is fetched again
// so often, after so long.
const MAX_RETRIES = 5;
const RETRY_MS = 400;

const { event } = page.dataset;
// What the page is to show, as it was last told, and for what it is being fetched.
let wantedKey = page.dataset.key;
let fetchedFor = wantedKey;
let retries = 0;

// The server told where the event is.
hooks.event = (now) => {
  if (now.event !== event) return;
  retries = 0;
  wantedKey = `${now.version} ${now.page_key || ""}`;
  if (!poll) showLink(false);
  if (wantedKey !== page.dataset.key) renew(Math.random() * (now.spread_ms || 0));
};

function renew(delayMs) {
  fetchedFor = wantedKey;
  renewIn(delayMs);
}

hooks.mayReplace = ({ dataset: { key } }) => {
  if (key !== wantedKey && retries < MAX_RETRIES) return false;
  wantedKey = key;
  return true;
};

// Once more if that page is not shown, or if another one is wanted by now.
hooks.over = () => {
  if (wantedKey === page.dataset.key || retries >= MAX_RETRIES) return;
  retries += 1;
  renew(wantedKey === fetchedFor ? RETRY_MS * (0.5 + Math.random()) : 0);
};

// Keeps the focus, and gives the news for screen readers.
hooks.replaced = (replaced, focused) => {
  if (page.dataset.poll !== poll) watch(page.dataset.poll);
  const isOnCode = focused && focused.matches(".enlarge");
  const heir = (isOnCode && page.querySelector(".enlarge")) || page.querySelector("h1");
  if (focused) heir.focus();
  const { arrival, edition, news } = page.dataset;
  if (arrival !== replaced.dataset.arrival) return arrival;
  if (edition !== replaced.dataset.edition) return news;
  const [before, now] = [replaced, page].map((it) => it.querySelector("#state"));
  return before && now && before.textContent !== now.textContent ? now.textContent : null;
};

// As `live_view.rs` has it.
hooks.scores = ({ state, open, results, voters }) => {
  const phones = page.querySelector("#phones");
  if (phones) phones.hidden = !(state === "waiting" || (open && (results === "hidden" || voters === 0)));
};

async function askWhereItIs() {
  try {
    const response = await ask(`${base}/api/events/${event}/now`, { cache: "no-store" }, PATIENCE_MS);
    if (!response.ok) return;
    if (!connected && !poll) heardByAsking();
    hooks.event(JSON.parse(response.text));
  } catch (error) {
    // The server is away; the socket keeps trying.
  }
}

setInterval(() => connected || askWhereItIs(), ASK_EVERY_MS + Math.random() * 200);
// Sooner than a broken connection is noticed.
onWake((slept) => {
  if (slept) reconnect();
  askWhereItIs();
});
