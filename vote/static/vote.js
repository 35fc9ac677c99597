// Makes the voting page calmer where JavaScript runs: votes without a reload, never sends twice, and says
// "please try again" without losing the page. The page works without it.

import { watch } from "./live.js";

const TIMEOUT_MS = 8000;
const LOOK_AGAIN_MS = 5000;

document.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target, event.submitter);
});
document.addEventListener("change", (event) => count(event.target.form));
prepare();

// Posts the form and shows the page that comes back.
async function send(form, button) {
  if (form.ariaBusy === "true") return;
  const failed = form.querySelector(".failed");
  const body = new URLSearchParams(new FormData(form, button));
  busy(form, true);
  failed.textContent = "";
  // Said only if it takes long: most answers are there before anybody could read it.
  const slow = setTimeout(() => { failed.textContent = form.dataset.sending; }, 600);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    show(await answer.text());
  } catch {
    failed.textContent = form.dataset.failed;
  } finally {
    clearTimeout(slow);
    busy(form, false);
  }
}

// While an answer is awaited, nothing can be pressed; focus stays where it is.
function busy(form, on) {
  form.ariaBusy = String(on);
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", String(on));
}

function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const main = page.querySelector("main");
  if (!main) throw new Error("not a page of ours");
  document.querySelector("main").replaceWith(main);
  document.title = page.title;
  const news = document.getElementById("news");
  news?.focus({ preventScroll: true });
  scrollTo({ top: 0 });
  prepare();
}

function prepare() {
  count(document.querySelector("form.ballot"));
  watch(document.querySelector("[data-live]"));
  // A little apart from each other, so that a full room does not ask at the same moment.
  if (document.querySelector("[data-waiting]")) setTimeout(lookAgain, LOOK_AGAIN_MS * (1 + Math.random()));
}

// Waits for the poll to open.
async function lookAgain() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const html = await answer.text();
    if (answer.ok && !html.includes("data-waiting")) return show(html);
  } catch {
    // The next look will tell.
  }
  setTimeout(lookAgain, LOOK_AGAIN_MS * (1 + Math.random()));
}

// "2 of 3 chosen"
function count(form) {
  const output = form?.querySelector("output[data-count]");
  if (!output) return;
  const chosen = form.querySelectorAll("input:checked").length;
  const text = chosen === 1 ? output.dataset.countOne : output.dataset.count;
  output.textContent = chosen ? text.replace("{chosen}", chosen) : "";
  output.classList.toggle("over", chosen > Number(output.dataset.max));
}
