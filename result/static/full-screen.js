// The whole screen for the score: by a button, and by the key f unless it is switched off. A single letter as a
// shortcut must be one that can be switched off (WCAG 2.1.4), since who speaks to the computer sends letters too.
// Without this script, or where the browser has no full screen, there is neither.

const KEY = "f";
const REMEMBERED = "full-screen.key";

const controls = document.getElementById("full-screen");
const button = controls.querySelector("button");
const withKey = controls.querySelector("input");

// Storage may be refused; then the choice holds for this page.
function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) !== "off";
  } catch (error) {
    return true;
  }
}

function remember(on) {
  try {
    localStorage.setItem(REMEMBERED, on ? "on" : "off");
  } catch (error) {
    // As above.
  }
}

async function toggle() {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  } catch (error) {
    // The browser refuses it now, and says why to the user if it wants to.
  }
}

function applyKey() {
  if (withKey.checked) button.setAttribute("aria-keyshortcuts", KEY);
  else button.removeAttribute("aria-keyshortcuts");
}

if (document.fullscreenEnabled) {
  controls.hidden = false;
  withKey.checked = remembered();
  applyKey();
  // The controls are not shown on the full screen; whoever came by the button goes on there afterwards.
  let cameByButton = false;
  button.addEventListener("click", () => {
    cameByButton = true;
    toggle();
  });
  withKey.addEventListener("change", () => {
    remember(withKey.checked);
    applyKey();
  });
  addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.repeat;
    if (withKey.checked && plain && event.key.toLowerCase() === KEY) toggle();
  });
  document.addEventListener("fullscreenchange", () => {
    if (document.fullscreenElement) return;
    if (cameByButton) button.focus();
    cameByButton = false;
  });
}
