// Which button of the run page a key stands for. Keys can be switched off on the page, for people to whom single keys
// happen by accident; the browser remembers it.

const REMEMBERED = "run-keys-off";
const WAYS = { " ": "next", ArrowRight: "next", PageDown: "next", ArrowLeft: "back", PageUp: "back" };
const LETTERS = { r: "votes", f: "projector" };

const switched = document.getElementById("keys-on");
switched.checked = !remembered();
switched.addEventListener("change", () => remember(!switched.checked));

// `next`, `back`, `votes` or `projector`; `none` for a press that the browser must not carry out either; else `null`.
export function wayOf(event) {
  const { key, target } = event;
  // A button that has the focus is pressed by the browser, once; a key that is held down would press it again.
  if (target.closest("button") && (key === " " || key === "Enter")) return event.repeat ? "none" : null;
  if (!switched.checked || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return null;
  if (target.closest("select, textarea, input:not([type=radio]):not([type=checkbox])")) return null;
  // Space and arrows belong to what has the focus: a link, a choice, the heading of something folded.
  const belongs = target.closest("input, summary, a");
  if (belongs && (key === " " || key.startsWith("Arrow"))) return null;
  return WAYS[key] || LETTERS[key.toLowerCase()] || null;
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) === "yes";
  } catch (error) {
    return false;
  }
}

function remember(off) {
  try {
    if (off) localStorage.setItem(REMEMBERED, "yes");
    else localStorage.removeItem(REMEMBERED);
  } catch (error) {
    // Only for as long as the page is open.
  }
}
