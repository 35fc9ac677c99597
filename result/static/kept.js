// What this browser keeps of polls, so that a server can't say something else tomorrow: texts of a kind ("key",
// "seals", "proofs", "checkpoints", "contradictions"), at most MOST of each for a poll, the newest last. In
// localStorage, else for as long as the page is there.

const MOST = 64;
const memory = new Map();

function name(kind, poll) {
  return `scrutin ${kind} ${poll}`;
}

// All that is kept, the newest last.
export function kept(kind, poll) {
  try {
    const texts = JSON.parse(localStorage.getItem(name(kind, poll)) || "[]");
    if (Array.isArray(texts)) return texts.filter((text) => typeof text === "string");
  } catch (error) {
    // There is no storage, or what is in it is not ours.
  }
  return memory.get(name(kind, poll)) || [];
}

// Keeps these, and nothing else of the kind.
export function keepAll(kind, poll, texts) {
  const newest = texts.slice(-MOST);
  memory.set(name(kind, poll), newest);
  try {
    localStorage.setItem(name(kind, poll), JSON.stringify(newest));
  } catch (error) {
    // Full, or forbidden: it stays with this page.
  }
}

// Keeps a text, once.
export function keep(kind, poll, text) {
  keepAll(kind, poll, kept(kind, poll).filter((other) => other !== text).concat([text]));
}
