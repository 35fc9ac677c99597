// Shows the QR code on the whole screen: after a click on it, or by the key q unless the keys are switched off
// (full-screen.js). Without this script the click leads to a page with the code.

const KEY = "q";

const large = document.getElementById("join-large");
const close = large.querySelector("button");
let before = null;

function open() {
  const link = document.querySelector(".enlarge");
  if (!link) return;
  const place = large.querySelector(".code");
  place.textContent = "";
  place.appendChild(link.querySelector(".qr").cloneNode(true));
  large.querySelector(".address").textContent = link.parentNode.querySelector("p a").textContent;
  before = document.activeElement;
  large.hidden = false;
  close.focus();
}

function shut() {
  large.hidden = true;
  // The score and the link in it may have been replaced.
  const link = document.querySelector(".enlarge");
  if (before && before.isConnected) before.focus();
  else if (link) link.focus();
}

function keysAreOn() {
  const controls = document.getElementById("full-screen");
  return !controls.hidden && controls.querySelector("input").checked;
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
  if (plain && event.target.closest(".enlarge")) {
    event.preventDefault();
    open();
  }
});
// A click anywhere closes it.
large.addEventListener("click", shut);
addEventListener("keydown", (event) => {
  const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.repeat;
  if (plain && keysAreOn() && event.key.toLowerCase() === KEY) {
    if (large.hidden) open();
    else shut();
  }
  if (large.hidden) return;
  if (event.key === "Escape") shut();
  // The dialog has one button, and nothing behind it may get the focus.
  if (event.key === "Tab") {
    event.preventDefault();
    close.focus();
  }
});
