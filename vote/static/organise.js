// Updates the numbers on the organiser's page: accepted ballots from this host, counted ones from the result host, with
// a ticket that also shows hidden votes. The page works without it.

import { ask } from "./ask.js";
import { counted as wording, number } from "./language.js";
import { watch } from "./live.js";
import { write } from "./write.js";

const ACCEPTED_MS = 2000;
const SAY_EVERY_MS = 20000;
const RETRY_MS = 15000;
const PATIENCE_MS = 5000;

const base = document.documentElement.dataset.base || "";
const list = document.querySelector("dl.numbers");
const table = document.querySelector("table[data-live]");
const said = document.getElementById("said");
const away = document.getElementById("away");

// Opens the projector's page with a ticket, which keeps a place for it.
const projector = document.querySelector("a[data-kept]");
if (projector) projector.href = projector.dataset.kept;

let ticket = table ? table.dataset.ticket : "";
let accepted = null;
let counted = null;
let saidAt = -Infinity;
let refresh = 0;
let refreshedAt = performance.now();

if (table) watch(table, { address: () => `${table.dataset.live}?ticket=${encodeURIComponent(ticket)}`, told });
askAccepted();
askNewVoters();
if (table) refreshLater(60000);
document.getElementById("no-script").hidden = true;

function told(tally) {
  if (tally === null) {
    write(away, away.dataset.text);
    // After a sleep of the computer the ticket may be too old.
    if (performance.now() - refreshedAt > RETRY_MS) refreshTicket();
    return;
  }
  write(away, "");
  counted = tally.counted;
  write(document.getElementById("voters"), number(tally.voters));
  write(document.getElementById("counted"), number(counted));
  showLag();
  // Screen readers read it now and then, not at every vote.
  if (performance.now() - saidAt < SAY_EVERY_MS) return;
  saidAt = performance.now();
  write(said, wording(said.dataset.voters, tally.voters));
}

// Both numbers come from different hosts at slightly different times, so the difference is at least zero.
function showLag() {
  if (counted === null) return;
  write(document.getElementById("lag"), accepted === null ? "" : number(Math.max(0, accepted - counted)));
}

async function askAccepted() {
  if (!document.hidden) {
    try {
      const answer = await ask(`${base}/api/polls/${list.dataset.poll}`, { cache: "no-store" }, PATIENCE_MS);
      const poll = JSON.parse(answer.text);
      if (answer.ok) {
        // It is missing while a part of the log can't be asked.
        accepted = poll.accepted === undefined ? null : poll.accepted;
        write(document.getElementById("accepted"), accepted === null ? "" : number(accepted));
        showLag();
        const edition = `${poll.state} ${poll.results} ${poll.round}`;
        if (edition !== list.dataset.edition) document.getElementById("changed").hidden = false;
      }
    } catch (error) {
      // The next answer will tell.
    }
  }
  setTimeout(askAccepted, ACCEPTED_MS * (0.85 + Math.random() * 0.3));
}

// How many new voters this instance saw within the last minute, so that a flood is seen.
async function askNewVoters() {
  const figure = document.getElementById("new-voters");
  if (!figure) return;
  if (!document.hidden) {
    try {
      const answer = await ask(figure.dataset.address, { cache: "no-store" }, PATIENCE_MS);
      const lately = JSON.parse(answer.text);
      if (answer.ok) {
        write(figure, number(lately.new_voters));
        write(document.getElementById("networks"), number(lately.networks));
      }
    } catch (error) {
      // The next answer will tell.
    }
  }
  setTimeout(askNewVoters, ACCEPTED_MS * (0.85 + Math.random() * 0.3));
}

function refreshLater(afterMs) {
  clearTimeout(refresh);
  refresh = setTimeout(refreshTicket, afterMs);
}

// Well before the ticket expires; sooner after a failure.
async function refreshTicket() {
  refreshedAt = performance.now();
  try {
    const answer = await ask(table.dataset.tickets, { cache: "no-store" }, PATIENCE_MS);
    if (!answer.ok) throw new Error(String(answer.status));
    const { figures, valid_ms } = JSON.parse(answer.text);
    ticket = figures;
    refreshLater(valid_ms / 2);
  } catch (error) {
    refreshLater(RETRY_MS);
  }
}

// A click into the code to embed selects all of it.
const embedCode = document.getElementById("embed-code");
if (embedCode) embedCode.addEventListener("focus", (event) => event.target.select());
