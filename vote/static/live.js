// Writes a poll's tally, fetched from the result host, into a table that the page has: `[data-live]`. It asks every
// two seconds while figures move and less often while they stand still, and not at all while nobody looks.
//
//   watch(element)                      // what stands in `data-live` is the address
//   watch(element, { address, told })   // `address()` gives it; `told(tally)` hears each tally

import { percent } from "./percent.js";

const SHORTEST_MS = 2000;
const LONGEST_MS = 15_000;
const GROWTH = 1.4;
const TIMEOUT_MS = 5000;

const numbers = new Intl.NumberFormat(document.documentElement.lang);

export function watch(element, { address = () => element.dataset.live, told = () => {} } = {}) {
  if (!element || element.dataset.watched) return;
  element.dataset.watched = "yes";
  let pause = SHORTEST_MS;
  let last = "";
  let timer = 0;
  const ask = async () => {
    clearTimeout(timer);
    if (!element.isConnected) return document.removeEventListener("visibilitychange", ask);
    if (document.hidden) return;
    try {
      const answer = await fetch(address(), { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const tally = await answer.json();
      const figures = JSON.stringify([tally.votes, tally.voters, tally.counted, tally.state]);
      pause = figures === last ? Math.min(LONGEST_MS, pause * GROWTH) : SHORTEST_MS;
      last = figures;
      show(element, tally);
      told(tally);
    } catch {
      pause = Math.min(LONGEST_MS, pause * 2);
      told(null);
    }
    // A little apart from each other, so that a full room does not ask at the same moment.
    clearTimeout(timer);
    timer = setTimeout(ask, pause * (0.85 + Math.random() * 0.3));
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}

function show(element, { votes, voters }) {
  element.hidden = !votes && !element.dataset.always;
  if (!votes) return;
  for (const row of element.querySelectorAll("[data-key]")) {
    const count = votes[row.dataset.key] ?? 0;
    write(row.querySelector(".votes"), numbers.format(count));
    write(row.querySelector(".share"), percent(count, voters));
    const bar = row.querySelector(".fill");
    if (bar) bar.setAttribute("width", `${voters === 0 ? 0 : Math.min(100, (count / voters) * 100)}%`);
  }
  const line = element.querySelector(".voters");
  if (line) write(line, people(element.dataset, voters));
}

export function people({ votersNone, votersOne, votersMany }, voters) {
  if (voters === 0) return votersNone;
  return voters === 1 ? votersOne : votersMany.replace("{count}", numbers.format(voters));
}

export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
