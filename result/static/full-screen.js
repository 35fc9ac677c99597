// Full screen for the score: by a button, and by the key f unless that is switched off. Users must be able to switch
// off a shortcut of a single letter (WCAG 2.1.4), since speech input sends letters too. Without this script, or in a
// browser without full screen, there is neither.

const KEY = "f";
const REMEMBERED = "full-screen.key";

const controls = document.getElementById("full-screen");
const button = controls.querySelector("button");
const withKey = controls.querySelector("input");

// The browser may refuse storage; then the choice is for this page only.
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
    // The browser refuses; it may tell the user why.
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
  // The controls are hidden in full screen. Afterwards the focus returns to the button.
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
