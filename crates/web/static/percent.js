// Votes as a part of the turnout, in the page's language: 62% in English, 62 % in French; 0 % and 100 % only for none
// and all. The result host's `share.rs` writes the same into the pages that it makes.

const sign = document.documentElement.lang === "fr" ? "\u202f%" : "%";

export function percent(votes, voters) {
  const rounded = voters === 0 ? 0 : Math.round((votes * 100) / voters);
  if (rounded === 0 && votes > 0) return `<1${sign}`;
  if (rounded >= 100 && votes < voters) return `>99${sign}`;
  return `${rounded}${sign}`;
}
