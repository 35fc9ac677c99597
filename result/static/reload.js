// Looks again at a page that waits for something, and shows what has changed; nothing moves while nothing has.
// Without this script the page has a link for that.

const { seconds } = document.getElementById("reload").dataset;
document.getElementById("by-itself").hidden = false;

setInterval(async () => {
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const [mine, its] = [document, fresh].map((page) => page.querySelector("main h1")?.textContent);
    if (its && its !== mine) location.reload();
  } catch {
    // Still away: next time.
  }
}, seconds * 1000);
