// Votes without a reload, never sends twice, shows failures on the page, and keeps the page up to date. The page works
// without it: if the script lacks something or throws before it has sent anything, the browser sends the form.
//
// ECMAScript 2018 and the Web APIs of Safari 12, no more: phones of 2018 vote (tests/old_phones.rs).

import { ask } from "./ask.js";
import { followEvent } from "./event.js";
import { countDown } from "./countdown.js";
import { counted } from "./language.js";
import { follow, show as showTally } from "./live.js";
import { write } from "./write.js";

const PATIENCE_MS = 8000;
// A tap this soon after the words of the tiles have changed was meant for the words before.
const LATE_TAP_MS = 400;
// When the page of an event is fetched again after it turned out to be old.
const SOON_MS = 300;
// The longest time from when a page learns that it is out of date until it is fetched again. A full room learns it
// within the same two seconds, and must not ask in the same moment.
const RENEW_WITHIN_MS = 3000;
const LONGEST_RENEW_MS = 60000;
// The same without a result host.
const LONGEST_BLIND_MS = 10000;
// People who wait for a poll to open want to vote at once.
const LONGEST_WAITING_MS = 4000;

let tapped = null;
let sending = false;
let renewal = 0;
// What was heard last of the event that the page is about.
let news = null;
let isFollowing = false;

document.addEventListener("click", (event) => {
  tapped = buttonAround(event.target);
});
document.addEventListener("submit", (event) => {
  try {
    begin(event);
  } catch (error) {
    // Nothing was sent, so the browser sends the form.
  }
});
document.addEventListener("change", (event) => countChosen(event.target.form));
prepare();

function buttonAround(element) {
  for (let it = element; it; it = it.parentNode) if (it.tagName === "BUTTON") return it;
  return null;
}

// Sends the form, unless the browser lacks something for it.
function begin(event) {
  if (sending) return event.preventDefault();
  const form = event.target;
  const button = tapped;
  const action = form.getAttribute("action");
  // The pressed button may be the vote.
  if (!action || !button || button.form !== form) return;
  const fields = new URLSearchParams(new FormData(form));
  if (button.hasAttribute("name")) fields.append(button.getAttribute("name"), button.getAttribute("value"));
  const { failed, sending: slow } = form.dataset;
  // From here the answer is shown here, and the browser must not send the form as well.
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
  // Shown only if it takes long: most answers come sooner.
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
    const note = document.getElementById("news");
    if (note) note.focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (error) {
    // A recorded vote has a page of its own.
    location.assign(answer.url);
  }
}

// While a request runs, or a late tap may come, nothing can be pressed; focus stays where it is.
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
  const shown = document.querySelector("[data-page-key]");
  if (!shown) return;
  const { event, now: nowUrl, socket: socketUrl, tally: tallyAddress } = shown.dataset;
  const countdown = countDown(document.querySelector(".countdown"), () => renewWhenOver(shown));
  if (event && nowUrl) {
    // The page follows by itself.
    const again = document.getElementById("again");
    if (again) again.hidden = true;
    if (isFollowing) renewForEvent(SOON_MS);
    else followEvent({ id: event, nowUrl, socketUrl }, heardOfEvent);
    isFollowing = true;
    if (!tallyAddress) return;
  }
  let pause = RENEW_WITHIN_MS;
  const renewLater = () => {
    if (renewal) return;
    renewal = setTimeout(async () => {
      await renew(shown);
      if (!tallyAddress && shown.isConnected) renewLater();
    }, pause * (0.1 + Math.random() * 0.9));
    pause = Math.min(tallyAddress ? LONGEST_RENEW_MS : LONGEST_BLIND_MS, pause * 2);
  };
  const heard = (tally) => {
    // Without a tally only the page itself tells.
    if (!tally || pageKeyOf(tally) !== shown.dataset.pageKey) renewLater();
    // What is counted may be of before the poll was opened.
    else countdown.heard(tally.closes_in_ms);
    showSeal(tally);
    return tally !== null && showLive(shown, tally);
  };
  const address = () => tallyAddress;
  const isOver = () => !shown.isConnected;
  const isWaiting = shown.dataset.pageKey.startsWith("waiting ");
  if (tallyAddress) follow({ address, isOver, heard, longestMs: isWaiting ? LONGEST_WAITING_MS : undefined });
  else renewLater();
}

function heardOfEvent(said) {
  if (!said) {
    // Without the result host only the page itself tells.
    if (!renewal) renewal = setTimeout(() => renew(document.querySelector("[data-page-key]")), RENEW_WITHIN_MS);
    return;
  }
  news = said;
  renewForEvent(said.spread_ms || 0);
}

// Fetches the page again if it does not show what is on. A full room hears of it in the same moment, so it takes up to
// `withinMs`; again and again, less and less often, until it does.
function renewForEvent(withinMs) {
  const shown = document.querySelector("[data-page-key]");
  if (!news || !shown || showsWhatIsOn(shown.dataset)) return;
  clearTimeout(renewal);
  renewal = setTimeout(async () => {
    await renew(shown);
    if (shown.isConnected) renewForEvent(Math.min(LONGEST_BLIND_MS, Math.max(SOON_MS, withinMs * 2)));
  }, withinMs * Math.random());
}

function showsWhatIsOn({ poll, pageKey }) {
  const on = news.archived ? null : news.on;
  return on ? poll === on && pageKey === news.page_key : pageKey === `event ${news.version}`;
}

// The address of this page, for an answer that is not older than what was heard.
function freshAddress() {
  if (!news) return location.href;
  const fields = new URLSearchParams(location.search);
  fields.set("at", `${news.version}.${news.poll_version || 0}`);
  return `${location.pathname}?${fields}`;
}

// A full room sees the end of the countdown in the same moment.
function renewWhenOver(shown) {
  setTimeout(() => renew(shown), RENEW_WITHIN_MS * Math.random());
}

// What a page depends on, as the server writes it into the page: a page with another key is out of date.
function pageKeyOf({ state, round, revision, edition }) {
  return `${state} ${round} ${revision} ${edition}`;
}

// Writes the figures. Until the voter's own ballot is among them, the page says so and asks again soon.
function showLive(shown, tally) {
  const section = document.querySelector("[data-live]");
  if (!section) return false;
  showTally(section, tally);
  const mine = shown.dataset.position;
  // With several partitions, how far that of the voter is. One that knows no such poll has counted no ballot of it.
  const countedThrough = tally.positions ? tally.positions[shown.dataset.partition] || "0-0" : tally.position;
  if (!mine || !tally.votes || !countedThrough || !isBefore(countedThrough, mine)) return false;
  write(section.querySelector(".voters"), section.dataset.counting);
  return true;
}

// The words that people compare, once the poll is closed and counted. Until then there is the link.
function showSeal(tally) {
  const line = document.getElementById("seal");
  if (!line || !tally) return;
  const words = line.querySelector(".words");
  words.hidden = !tally.seal;
  if (!tally.seal) return;
  write(words, tally.seal.words.join(" "));
  const link = line.querySelector("a");
  link.href = `${link.href.split("#")[0]}#${tally.seal.hash}`;
}

function isBefore(one, other) {
  const [[millis, sequence], [otherMillis, otherSequence]] = [one, other].map((it) => it.split("-").map(Number));
  return millis < otherMillis || (millis === otherMillis && sequence < otherSequence);
}

// Fetches the page again and shows it if what it depends on has changed. Unsent input is filled in again, or the page
// says that it is lost.
async function renew(shown) {
  renewal = 0;
  if (sending || !shown.isConnected) return;
  let page;
  try {
    const answer = await ask(freshAddress(), { headers: { Accept: "text/html" }, cache: "no-store" }, PATIENCE_MS);
    page = answer.ok ? pageIn(answer.text) : null;
  } catch (error) {
    // The next look will tell.
  }
  const fresh = page && page.querySelector("[data-page-key]");
  if (sending || !shown.isConnected || !fresh || isTheSame(fresh.dataset, shown.dataset)) return;
  const tiles = wordsOfTiles();
  const unsent = filledIn(document.querySelector("form.ballot"));
  const hadFocus = document.querySelector("main").contains(document.activeElement);
  show(page);
  const ballot = document.querySelector("form.ballot");
  if (unsent) fillIn(ballot, unsent);
  if (tiles && wordsOfTiles() && tiles !== wordsOfTiles()) passOverLateTap(ballot);
  if (hadFocus && document.activeElement === document.body) focusOn(document.querySelector("main h1"));
  announce();
}

// What a tap on one of the tiles, which casts at once, is an answer to; "" where there are none.
function wordsOfTiles() {
  const ballot = document.querySelector("form.ballot.two");
  if (!ballot) return "";
  const texts = Array.from(document.querySelectorAll("#question, .tile .text"));
  return [pollOf(ballot)].concat(texts.map((it) => it.textContent)).join("\n");
}

// A tap that is on its way would be a vote for words that its voter has not read.
function passOverLateTap(ballot) {
  busy(ballot, true);
  setTimeout(() => busy(ballot, false), LATE_TAP_MS);
}

function isTheSame(one, other) {
  return one.pageKey === other.pageKey && one.poll === other.poll;
}

// Whoever uses the keyboard goes on from the question, not from the top of the page.
function focusOn(heading) {
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

// The unsent input; `null` if there is none.
function filledIn(form) {
  if (!form) return null;
  const inputs = Array.from(form.querySelectorAll("input:not([type=hidden])"));
  const touched = inputs.some(
    (input) => input.checked !== input.defaultChecked || (isText(input) && input.value !== input.defaultValue),
  );
  const failed = form.querySelector(".failed").textContent;
  if (!touched && !failed) return null;
  const focused = document.activeElement;
  const poll = pollOf(form);
  return { touched, inputs, failed, poll, wording: wordingOf(form), focused: focused && idOf(focused) };
}

// The poll of an event, where the form names it.
function pollOf(form) {
  return form.elements.poll ? form.elements.poll.value : "";
}

// What its fields stand for: in another revision, or in another poll of an event, they mean something else.
function wordingOf(form) {
  return `${pollOf(form)} ${form.elements.revision.value}`;
}

function isText(input) {
  return input.type !== "radio" && input.type !== "checkbox";
}

function idOf(input) {
  return isText(input) ? input.name : `${input.name} ${input.value}`;
}

function fillIn(form, { touched, inputs, failed, poll, wording, focused }) {
  if (form && wordingOf(form) === wording) {
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
  if (poll && poll !== lost.dataset.poll) write(lost.querySelector("p"), lost.dataset.other);
  if (failed) write(lost.querySelector("p"), failed);
  lost.hidden = !touched && !failed;
}

// For screen readers, which do not notice that a page was replaced.
function announce() {
  let said = document.getElementById("said");
  if (!said) {
    said = document.body.appendChild(document.createElement("p"));
    said.id = "said";
    said.className = "visually-hidden";
    said.setAttribute("role", "status");
  }
  const spoken = ["h1", "#unsent:not([hidden])", ".note:not(#unsent)"].map((part) => {
    const element = document.querySelector(`main ${part}`);
    return element ? element.textContent.trim().replace(/\s+/g, " ") : "";
  });
  setTimeout(() => write(said, spoken.filter((part) => part).join(" ")), 100);
}

// "2 of 3 chosen"
function countChosen(form) {
  const output = form && form.querySelector("output[data-chosen]");
  if (!output) return;
  const chosen = form.querySelectorAll("input:checked").length;
  output.textContent = chosen ? counted(output.dataset.chosen, chosen) : "";
  output.classList.toggle("over", chosen > Number(output.dataset.max));
}
