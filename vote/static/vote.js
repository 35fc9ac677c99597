// Makes the voting page calmer where JavaScript runs: votes without a reload, never sends twice, says "please try
// again" without losing the page, and keeps the page up to date. The page works without it: whatever this script lacks
// in a browser, or throws, before something was sent, the browser sends the form by itself.
//
// ECMAScript 2018 and the Web APIs of Safari 12, no more: phones of 2018 vote (tests/old_phones.rs).

import { ask } from "./ask.js";
import { counted } from "./language.js";
import { follow, show as showTally } from "./live.js";
import { write } from "./write.js";

const PATIENCE_MS = 8000;
// The longest time from the moment a page hears that it is out of date until it is taken anew. A full room hears it in
// the same two seconds, and must not come in the same moment.
const RENEW_WITHIN_MS = 3000;
const LONGEST_RENEW_MS = 60000;
// The same where there is no result host to tell.
const LONGEST_BLIND_MS = 10000;
// Whoever waits for a poll to open wants to vote at once.
const LONGEST_WAITING_MS = 4000;

let tapped = null;
let sending = false;
let renewal = 0;

document.addEventListener("click", (event) => {
  tapped = buttonAround(event.target);
});
document.addEventListener("submit", (event) => {
  try {
    begin(event);
  } catch (error) {
    // Nothing was sent, and nothing keeps the browser from sending the form.
  }
});
document.addEventListener("change", (event) => countChosen(event.target.form));
prepare();

function buttonAround(element) {
  for (let it = element; it; it = it.parentNode) if (it.tagName === "BUTTON") return it;
  return null;
}

// Sends the form in the browser's place, unless something that is needed for it is not there.
function begin(event) {
  if (sending) return event.preventDefault();
  const form = event.target;
  const button = tapped;
  const action = form.getAttribute("action");
  // Which button it was may decide what is voted for.
  if (!action || !button || button.form !== form) return;
  const fields = new URLSearchParams(new FormData(form));
  if (button.hasAttribute("name")) fields.append(button.getAttribute("name"), button.getAttribute("value"));
  const { failed, sending: slow } = form.dataset;
  // What comes back must be shown, and the browser must not send it as well.
  pageIn("<main></main>");
  if (!event.preventDefault) return;
  const options = {
    method: "POST",
    body: String(fields),
    headers: { Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" },
  };
  const answer = ask(action, options, PATIENCE_MS);
  event.preventDefault();
  finish(form, answer, { failed, slow });
}

async function finish(form, answering, texts) {
  const line = form.querySelector(".failed");
  busy(form, true);
  write(line, "");
  // Said only if it takes long: most answers are there before anybody could read it.
  const slow = setTimeout(() => write(line, texts.slow), 600);
  let answer;
  let page;
  try {
    answer = await answering;
    page = pageIn(answer.text);
  } catch (error) {
    write(line, texts.failed);
  }
  clearTimeout(slow);
  busy(form, false);
  if (!page) return;
  if (line && line.textContent === texts.slow) write(line, "");
  try {
    show(page);
    const news = document.getElementById("news");
    if (news) news.focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (error) {
    // What was recorded is shown by a page of its own.
    location.assign(answer.url);
  }
}

// While an answer is awaited, nothing can be pressed; focus stays where it is.
function busy(form, on) {
  sending = on;
  form.setAttribute("aria-busy", String(on));
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", String(on));
}

function pageIn(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (!page.querySelector("main")) throw new Error("not a page of ours");
  return page;
}

function show(page) {
  const old = document.querySelector("main");
  old.parentNode.replaceChild(document.importNode(page.querySelector("main"), true), old);
  document.title = page.title;
  prepare();
}

function prepare() {
  clearTimeout(renewal);
  renewal = 0;
  countChosen(document.querySelector("form.ballot"));
  const standing = document.querySelector("[data-standing]");
  if (!standing) return;
  const { tally: tallyAddress } = standing.dataset;
  let pause = RENEW_WITHIN_MS;
  const renewLater = () => {
    if (renewal) return;
    renewal = setTimeout(async () => {
      await renew(standing);
      if (!tallyAddress && standing.isConnected) renewLater();
    }, pause * (0.1 + Math.random() * 0.9));
    pause = Math.min(tallyAddress ? LONGEST_RENEW_MS : LONGEST_BLIND_MS, pause * 2);
  };
  const heard = (tally) => {
    // Without a tally only the page itself tells.
    if (!tally || standingOf(tally) !== standing.dataset.standing) renewLater();
    return tally !== null && showLive(standing, tally);
  };
  const address = () => tallyAddress;
  const isOver = () => !standing.isConnected;
  const isWaiting = standing.dataset.standing.startsWith("waiting ");
  if (tallyAddress) follow({ address, isOver, heard, longestMs: isWaiting ? LONGEST_WAITING_MS : undefined });
  else renewLater();
}

// What a page depends on, as the server writes it into the page.
function standingOf({ state, round, revision, edition }) {
  return `${state} ${round} ${revision} ${edition}`;
}

// Writes the figures. While the voter's own ballot is not among them that is said, and wanted soon.
function showLive(standing, tally) {
  const section = document.querySelector("[data-live]");
  if (!section) return false;
  showTally(section, tally);
  const mine = standing.dataset.position;
  if (!mine || !tally.votes || !tally.position || !isBefore(tally.position, mine)) return false;
  write(section.querySelector(".voters"), section.dataset.counting);
  return true;
}

function isBefore(one, other) {
  const [[millis, sequence], [otherMillis, otherSequence]] = [one, other].map((it) => it.split("-").map(Number));
  return millis < otherMillis || (millis === otherMillis && sequence < otherSequence);
}

// Takes the page anew and shows it if it differs in what it depends on. What was filled in and not sent is put in
// again, or its loss is told.
async function renew(standing) {
  renewal = 0;
  if (sending || !standing.isConnected) return;
  let page;
  try {
    const answer = await ask(location.href, { headers: { Accept: "text/html" }, cache: "no-store" }, PATIENCE_MS);
    page = answer.ok ? pageIn(answer.text) : null;
  } catch (error) {
    // The next look will tell.
  }
  const fresh = page && page.querySelector("[data-standing]");
  if (sending || !standing.isConnected || !fresh || fresh.dataset.standing === standing.dataset.standing) return;
  const unsent = filledIn(document.querySelector("form.ballot"));
  show(page);
  if (unsent) fillIn(document.querySelector("form.ballot"), unsent);
  announce();
}

// What is filled in and not sent; `null` if nothing is.
function filledIn(form) {
  if (!form) return null;
  const inputs = Array.from(form.querySelectorAll("input:not([type=hidden])"));
  const touched = inputs.some(
    (input) => input.checked !== input.defaultChecked || (isText(input) && input.value !== input.defaultValue),
  );
  const failed = form.querySelector(".failed").textContent;
  if (!touched && !failed) return null;
  const focused = document.activeElement;
  return { touched, inputs, failed, revision: form.elements.revision.value, focused: focused && idOf(focused) };
}

function isText(input) {
  return input.type !== "radio" && input.type !== "checkbox";
}

function idOf(input) {
  return isText(input) ? input.name : `${input.name} ${input.value}`;
}

function fillIn(form, { touched, inputs, failed, revision, focused }) {
  if (form && form.elements.revision.value === revision) {
    for (const input of form.querySelectorAll("input:not([type=hidden])")) {
      const before = inputs.find((it) => idOf(it) === idOf(input));
      if (!before) continue;
      if (isText(input)) input.value = before.value;
      else input.checked = before.checked;
      if (idOf(input) === focused) input.focus({ preventScroll: true });
    }
    write(form.querySelector(".failed"), failed);
    return countChosen(form);
  }
  const lost = document.getElementById("unsent");
  if (failed) write(lost.querySelector("p"), failed);
  lost.hidden = !touched && !failed;
}

// For screen readers, which don't tell that a page was exchanged.
function announce() {
  let said = document.getElementById("said");
  if (!said) {
    said = document.body.appendChild(document.createElement("p"));
    said.id = "said";
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
  }
  const news = document.querySelector("#unsent:not([hidden]), main .note, main h1");
  setTimeout(() => write(said, news.textContent), 100);
}

// "2 of 3 chosen"
function countChosen(form) {
  const output = form && form.querySelector("output[data-chosen]");
  if (!output) return;
  const chosen = form.querySelectorAll("input:checked").length;
  output.textContent = chosen ? counted(output.dataset.chosen, chosen) : "";
  output.classList.toggle("over", chosen > Number(output.dataset.max));
}
