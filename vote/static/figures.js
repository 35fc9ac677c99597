// Turnout and votes of one poll on the organiser's pages: counted ones from the result host, with a ticket that also
// shows hidden votes and is renewed before it ends.
//
//   const figures = follow(root)  // has a table[data-live], and #voters, #counted, #accepted, #lag, #away, #said
//   figures.accepted(count)       // how many ballots the log has accepted; null while a part of it can't be asked
//
// It ends when its table is taken out of the page.

import { ask } from "./ask.js";
import { counted as wording, number } from "./language.js";
import { watch } from "./live.js";
import { write } from "./write.js";

const SAY_EVERY_MS = 20000;
const RETRY_MS = 15000;
const PATIENCE_MS = 5000;

export function follow(root) {
  const element = (id) => root.querySelector(`#${id}`);
  const table = root.querySelector("table[data-live]");
  const [said, away] = [element("said"), element("away")];
  const ticket = table && renewed(table);
  let accepted = null;
  let counted = null;
  let saidAt = -Infinity;
  if (table) watch(table, { address: () => `${table.dataset.live}?ticket=${encodeURIComponent(ticket.now())}`, told });

  function told(tally) {
    if (tally === null) {
      write(away, away.dataset.text);
      return ticket.missed();
    }
    write(away, "");
    counted = tally.counted;
    write(element("voters"), number(tally.voters));
    write(element("counted"), number(counted));
    showLag();
    // Screen readers read it now and then, not at every vote.
    if (performance.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = performance.now();
    write(said, wording(said.dataset.voters, tally.voters));
  }

  // Both numbers come from different hosts at slightly different times, so the difference is at least zero.
  function showLag() {
    if (counted !== null) write(element("lag"), accepted === null ? "" : number(Math.max(0, accepted - counted)));
  }

  return {
    accepted(count) {
      accepted = count;
      write(element("accepted"), accepted === null ? "" : number(accepted));
      showLag();
    },
  };
}

// The ticket of a table: `now()` is it, and `missed()` says that it did not help.
function renewed(table) {
  let ticket = table.dataset.ticket;
  let timer = 0;
  let renewedAt = performance.now();
  const later = (afterMs) => {
    clearTimeout(timer);
    timer = setTimeout(renew, afterMs);
  };
  // Well before the ticket expires; sooner after a failure.
  async function renew() {
    if (!table.isConnected) return;
    renewedAt = performance.now();
    try {
      const answer = await ask(table.dataset.tickets, { cache: "no-store" }, PATIENCE_MS);
      if (!answer.ok) throw new Error(String(answer.status));
      const { figures, valid_ms: validMs } = JSON.parse(answer.text);
      ticket = figures;
      later(validMs / 2);
    } catch (error) {
      later(RETRY_MS);
    }
  }
  later(60000);
  return {
    now: () => ticket,
    // After a sleep of the computer the ticket may be too old.
    missed() {
      if (performance.now() - renewedAt > RETRY_MS) renew();
    },
  };
}
