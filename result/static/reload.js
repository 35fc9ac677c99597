// Fetches a page that waits for something again, and shows what has changed. Until this script runs, the page has a
// link for that.

import { ask } from "./ask.js";

const PATIENCE_MS = 10000;
const { seconds } = document.getElementById("reload").dataset;
const title = headingOf(document);

setTimeout(look, seconds * 1000);
document.getElementById("by-hand").hidden = true;
document.getElementById("by-itself").hidden = false;

async function look() {
  try {
    const answer = await ask(location.href, { cache: "no-store" }, PATIENCE_MS);
    const fresh = headingOf(new DOMParser().parseFromString(answer.text, "text/html"));
    if (fresh && fresh !== title) return location.reload();
  } catch (error) {
    // Still away: tries again later.
  }
  setTimeout(look, seconds * 1000);
}

function headingOf(page) {
  const heading = page.querySelector("main h1");
  return heading ? heading.textContent : "";
}
