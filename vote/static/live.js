// Fetches a poll's tally from the result host, every two seconds while figures change, less often while they do not,
// and not while the page is hidden; writes it into a table of the page.
//
//   follow({ address, isOver, heard })  // `heard(tally)` hears each, or null; it gives true where it wants one soon
//   watch(element, { address, told })   // the same for a table: `[data-live]`, which is removed with its page
//   show(element, tally)                // writes figures into a table

import { ask } from "./ask.js";
import { counted, number, percent, time } from "./language.js";
import { write } from "./write.js";

const SHORTEST_MS = 2000;
const LONGEST_MS = 10000;
const SOON_MS = 600;
const GROWTH = 1.4;
const PATIENCE_MS = 5000;

export function follow({ address, isOver, heard, longestMs = LONGEST_MS }) {
  let pause = SHORTEST_MS;
  let soon = SOON_MS;
  let last = "";
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    if (isOver()) return document.removeEventListener("visibilitychange", look);
    if (document.hidden) return;
    let tally = null;
    try {
      const answer = await ask(address(), { cache: "no-store", credentials: "omit" }, PATIENCE_MS);
      if (answer.ok) tally = JSON.parse(answer.text);
    } catch (error) {
      // Without a tally.
    }
    if (isOver()) return;
    const wanted = heard(tally);
    const figures = tally && JSON.stringify([tally.votes, tally.voters, tally.counted, tally.state]);
    if (tally && figures !== last) pause = SHORTEST_MS;
    else pause = Math.min(longestMs, pause * (tally ? GROWTH : 2));
    if (tally) last = figures;
    soon = wanted ? Math.min(LONGEST_MS, soon * GROWTH) : SOON_MS;
    const wait = wanted ? soon : pause;
    // At random intervals, so that a full room does not ask at the same moment.
    clearTimeout(timer);
    timer = setTimeout(look, wait * (0.85 + Math.random() * 0.3));
  };
  document.addEventListener("visibilitychange", look);
  look();
}

export function watch(element, { address, told }) {
  if (!element) return;
  const heard = (tally) => {
    if (tally) show(element, tally);
    told(tally);
  };
  follow({ address, isOver: () => !element.isConnected, heard });
}

export function show(element, { votes, voters, stale_since: staleSince }) {
  const stale = element.querySelector(".stale");
  if (stale) {
    stale.hidden = !staleSince;
    if (staleSince) write(stale, stale.dataset.text.replace("{time}", time(staleSince)));
  }
  element.hidden = !votes && !element.dataset.always;
  if (!votes) return;
  for (const row of element.querySelectorAll("[data-key]")) {
    const count = votes[row.dataset.key] || 0;
    write(row.querySelector(".votes"), number(count));
    write(row.querySelector(".share"), percent(count, voters));
    const bar = row.querySelector(".fill");
    if (bar) bar.setAttribute("width", `${voters === 0 ? 0 : Math.min(100, (count / voters) * 100)}%`);
  }
  const line = element.querySelector(".voters");
  if (line) write(line, counted(element.dataset.voters, voters));
}
