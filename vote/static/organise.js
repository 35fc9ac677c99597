// Updates the numbers on the organiser's page: accepted ballots and new voters from this host, counted ballots from the
// result host. The page works without it.

import { ask } from "./ask.js";
import { countDown } from "./countdown.js";
import { follow } from "./figures.js";
import { number } from "./language.js";
import { write } from "./write.js";

const ACCEPTED_MS = 2000;
const PATIENCE_MS = 5000;

const base = document.documentElement.dataset.base || "";
const list = document.querySelector("dl.numbers");
const figures = follow(document);
const countdown = countDown(document.querySelector(".countdown"));

// Opens the projector's page with a ticket, which keeps a place for it.
const projector = document.querySelector("a[data-kept]");
if (projector) projector.href = projector.dataset.kept;

for (const form of document.querySelectorAll("form.opening")) offerTime(form);

askAccepted();
askNewVoters();
document.getElementById("no-script").hidden = true;

async function askAccepted() {
  if (!document.hidden) {
    try {
      const answer = await ask(`${base}/api/polls/${list.dataset.poll}`, { cache: "no-store" }, PATIENCE_MS);
      const poll = JSON.parse(answer.text);
      if (answer.ok) {
        // It is missing while a part of the log can't be asked.
        figures.accepted(poll.accepted === undefined ? null : poll.accepted);
        countdown.heard(poll.closes_in_ms);
        const edition = `${poll.state} ${poll.results} ${poll.round}${poll.published ? " published" : ""}`;
        if (edition !== list.dataset.edition) document.getElementById("changed").hidden = false;
      }
    } catch (error) {
      // The next answer will tell.
    }
  }
  setTimeout(askAccepted, ACCEPTED_MS * (0.85 + Math.random() * 0.3));
}

// A poll may also be open until a time of the day, today's or tomorrow's: only the browser knows which zone is meant.
function offerTime(form) {
  const until = form.querySelector(".until");
  until.hidden = false;
  form.addEventListener("submit", () => {
    const [hours, minutes] = until.querySelector("input").value.split(":").map(Number);
    const moment = new Date();
    moment.setHours(hours, minutes, 0, 0);
    if (moment <= new Date()) moment.setDate(moment.getDate() + 1);
    form.elements.closes_at.value = Number.isNaN(moment.getTime()) ? "" : moment.toISOString();
  });
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

// A click into the code to embed selects all of it.
const embedCode = document.getElementById("embed-code");
if (embedCode) embedCode.addEventListener("focus", (event) => event.target.select());
