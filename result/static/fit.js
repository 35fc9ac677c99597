// Makes the whole score fit on the screen: shrinks the bars, then the question, then the bars again, as little as
// needed. Below the smallest readable size the page scrolls. Without this script it scrolls sooner.

const COMFORTABLE_PX = 15;
const SMALLEST_PX = 11;
const SMALLEST_QUESTION = 0.6;
const TRIES = 7;
// As in result.css: smaller screens scroll.
const wide = matchMedia("(min-width: 60rem) and (min-height: 32rem)");

let pending = 0;
let fitted = null;
let hopeless = false;

function fits() {
  return document.documentElement.scrollHeight <= innerHeight;
}

// The largest factor from `least` to 1 with which everything fits; `least` where none does.
function shrink(poll, name, least) {
  const set = (factor) => poll.style.setProperty(name, String(factor));
  let [small, large] = [least, 1];
  set(least);
  if (!fits()) return;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const middle = (small + large) / 2;
    set(middle);
    if (fits()) small = middle;
    else large = middle;
  }
  set(small);
}

function fit() {
  const poll = document.getElementById("poll");
  fitted = poll;
  hopeless = false;
  poll.style.removeProperty("--fit-bars");
  poll.style.removeProperty("--fit-question");
  const text = poll.querySelector(".bars tbody th");
  if (!wide.matches || !text) hopeless = true;
  if (hopeless || fits()) return;
  const least = (px) => Math.min(1, px / parseFloat(getComputedStyle(text).fontSize));
  const [comfortable, smallest] = [least(COMFORTABLE_PX), least(SMALLEST_PX)];
  shrink(poll, "--fit-bars", comfortable);
  if (!fits()) shrink(poll, "--fit-question", SMALLEST_QUESTION);
  if (!fits()) shrink(poll, "--fit-bars", smallest);
  hopeless = !fits();
}

// The page was replaced, or figures have grown so that a text beside them takes one more line.
function changed() {
  if (document.getElementById("poll") !== fitted || (!hopeless && !fits())) fit();
}

function soon() {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(changed);
}

fit();
addEventListener("resize", () => {
  fitted = null;
  soon();
});
const content = document.getElementById("content");
new MutationObserver(soon).observe(content, { childList: true, subtree: true });
