// Runs an event: takes its steps by the buttons and by keys, and keeps the page in step with other run pages. The
// server makes every state of the page; this replaces what is in #run by that of a newer page. The page works without
// it.

import { ask } from "./ask.js";
import { countDown } from "./countdown.js";
import { follow } from "./figures.js";
import { wayOf } from "./run-keys.js";
import { write } from "./write.js";

const LOOK_MS = 1000;
const SOON_MS = 100;
// A look that takes longer is given up; one that was cut off by a sleep ends so, too.
const LOOK_PATIENCE_MS = 3000;
const PRESS_PATIENCE_MS = 6000;
// What is pressed this soon after a press is its double: of a mouse, a clicker or a bouncing key.
const DOUBLE_MS = 400;

const trouble = document.getElementById("trouble");
let figures = null;
let figuresOf = null;
let busy = false;
let looks = 0;
let looking = false;
let failures = 0;
let countdown = null;
// How long questions are to be open, as it was chosen last.
let seconds = "";
let byPointer = false;

const run = () => document.getElementById("run");
const go = () => document.getElementById("go");
const label = () => (go() ? go().textContent : "");

prepare();
document.getElementById("keys").hidden = false;
if (go() && document.activeElement === document.body) go().focus({ preventScroll: true });
document.addEventListener("submit", (event) => {
  if (!run().contains(event.target)) return;
  event.preventDefault();
  press(event.target);
});
// A key that presses a button clicks it as well: that comes after this.
document.addEventListener("pointerdown", () => {
  byPointer = true;
});
document.addEventListener("click", (event) => {
  if (event.detail === 0 && event.target.closest("button")) byPointer = false;
});
document.addEventListener("keydown", keyed);
// Who chooses a countdown with a pointer goes on with the keys of the large button.
document.addEventListener("change", (event) => {
  if (byPointer && event.target.name === "seconds") go().focus({ preventScroll: true });
});
for (const name of ["pageshow", "online", "focus"]) addEventListener(name, wake);
document.addEventListener("visibilitychange", wake);
setInterval(look, LOOK_MS);
look();

function keyed(event) {
  const way = wayOf(event);
  byPointer = Boolean(way);
  if (!way) return;
  event.preventDefault();
  // Of a key that is held down only the first press counts.
  if (event.repeat || way === "none") return;
  if (way === "projector") {
    const link = document.getElementById("projector");
    return link && link.click();
  }
  // Where showing or hiding the votes is a step of the event, its button does it.
  const form = run().querySelector(way === "votes" ? "form[data-votes]" : `form[data-way=${way}]`);
  if (form) press(form);
}

// Takes a step. It names the version that the page shows, so whatever happens it is taken once.
async function press(form) {
  if (busy) return;
  setBusy(true);
  const doubled = new Promise((resolve) => setTimeout(resolve, DOUBLE_MS));
  const body = String(new URLSearchParams(new FormData(form)));
  const headers = { Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };
  let text = null;
  try {
    const answer = await ask(form.action, { method: "POST", body, headers }, PRESS_PATIENCE_MS);
    text = taken(pageIn(answer.text));
  } catch (error) {
    text = trouble.dataset.unknown;
  }
  tell(text);
  await doubled;
  setBusy(false);
  if (text) wake();
}

// Shows the page that answers a press; returns what to tell if it is another one.
function taken(page) {
  if (page.getElementById("run")) {
    show(page);
    return null;
  }
  const refused = page.querySelector("[data-refused]");
  if (!refused) return trouble.dataset.ended;
  const { refused: code } = refused.dataset;
  if (code === "sign-in-needed") return trouble.dataset.ended;
  return code === "outcome-unknown" ? trouble.dataset.unknown : refused.textContent;
}

function pageIn(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// While a press runs, and as long as its double may come, nothing can be pressed. Focus stays where it is, as it would
// not on a disabled button.
function setBusy(on) {
  busy = on;
  run().setAttribute("aria-busy", String(on));
  for (const button of run().querySelectorAll("button")) button.setAttribute("aria-disabled", String(on));
}

function tell(text) {
  trouble.hidden = !text;
  write(trouble.querySelector("p"), text || "");
}

// At once, whatever is under way: after a sleep it may never end.
function wake() {
  if (document.hidden) return;
  looking = false;
  look();
}

// At the end of a countdown the log's clock may be a little behind.
function soon() {
  setTimeout(wake, SOON_MS);
}

// Asks whether the page is still as the event is.
async function look() {
  if (document.hidden || busy) return;
  if (looking) return;
  looking = true;
  looks += 1;
  const mine = looks;
  const isOld = () => mine !== looks || busy;
  try {
    const answer = await ask(run().dataset.now, { cache: "no-store" }, LOOK_PATIENCE_MS);
    if (isOld()) return;
    if (answer.status === 403) return tell(trouble.dataset.ended);
    if (!answer.ok) throw new Error(String(answer.status));
    const { key, accepted, closes_in_ms: closesInMs } = JSON.parse(answer.text);
    if (key !== run().dataset.key) await renew(isOld);
    else countdown.heard(closesInMs);
    if (figures && !isOld()) figures.accepted(accepted === undefined ? null : accepted);
    if (failures > 0 && !isOld()) tell(null);
    failures = 0;
  } catch (error) {
    if (isOld()) return;
    failures += 1;
    // One alone may be an instance that is replaced.
    if (failures === 2) tell(trouble.dataset.away);
  } finally {
    if (mine === looks) looking = false;
  }
}

// Fetches the page again and shows it.
async function renew(isOld) {
  const answer = await ask(location.href, { headers: { Accept: "text/html" }, cache: "no-store" }, LOOK_PATIENCE_MS);
  if (isOld()) return;
  const page = pageIn(answer.text);
  if (!answer.ok || !page.getElementById("run")) throw new Error(String(answer.status));
  const before = label();
  show(page);
  tell(null);
  if (label() !== before) hold();
}

// What is pressed just after another page or the end of a countdown has changed the button was meant for what it said
// before.
function hold() {
  setBusy(true);
  setTimeout(() => setBusy(false), DOUBLE_MS);
}

// Replaces what is shown. The figures of a poll that goes on stay, and so does the focus; after a press with a pointer
// or a key it goes to the large button.
function show(page) {
  const focused = document.activeElement && document.activeElement.closest("form[data-way]");
  const way = byPointer || !focused ? "next" : focused.dataset.way;
  const had = run().contains(document.activeElement) || document.activeElement === document.body;
  const fresh = document.importNode(page.getElementById("run"), true);
  const [old, next] = [run().querySelector("#figures"), fresh.querySelector("#figures")];
  if (old && next && old.dataset.of === next.dataset.of) next.replaceWith(old);
  run().replaceWith(fresh);
  if (busy) setBusy(true);
  document.title = page.title;
  prepare();
  const button = fresh.querySelector(`form[data-way=${way}] button`) || go();
  if (had && button) button.focus({ preventScroll: true });
  write(document.getElementById("step-said"), said(fresh));
}

function said(fresh) {
  const texts = [".where", "h1"].map((css) => fresh.querySelector(css).textContent.replace(/\s+/g, " ").trim());
  return texts.join(". ");
}

// The choice of a countdown stands there again before the next question.
function keepChoice() {
  for (const choice of run().querySelectorAll("input[name=seconds]")) {
    choice.checked = choice.value === seconds;
    choice.addEventListener("change", () => {
      seconds = choice.value;
    });
  }
}

function prepare() {
  for (const element of document.querySelectorAll(".no-script")) element.hidden = true;
  countdown = countDown(run().querySelector(".countdown"), soon);
  keepChoice();
  const section = run().querySelector("#figures");
  if (section === figuresOf) return;
  figuresOf = section;
  figures = section && follow(section);
}
