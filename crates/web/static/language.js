// How the page's language writes numbers, shares, times, and texts that depend on a number. The server writes the same
// into the pages that it makes (`texts/`, and the result host's `percent.rs`).

const { lang } = document.documentElement;

const numbers = new Intl.NumberFormat(lang);
const shares = new Intl.NumberFormat(lang, { style: "percent" });
// The reader's own kind of the page's language, as `en-US`.
const locale = (navigator.languages || []).find((own) => own.startsWith(lang)) || lang;
const times = formatOfTimes({ timeStyle: "medium" }, {});
const days = { year: "numeric", month: "long", day: "numeric" };
const moments = formatOfTimes({ dateStyle: "long", timeStyle: "medium" }, days);

// Browsers of 2018 do not know the styles: there the parts are named, and clocks of 24 hours have two digits for the
// hour.
function formatOfTimes(styles, parts) {
  const styled = new Intl.DateTimeFormat(locale, styles);
  if (styled.resolvedOptions().timeStyle) return styled;
  const hour = new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hour12 ? "numeric" : "2-digit";
  return new Intl.DateTimeFormat(locale, Object.assign({ hour, minute: "2-digit", second: "2-digit" }, parts));
}

// 1,234 or 1.234
export function number(value) {
  return numbers.format(value);
}

// Votes as a part of the turnout; 0 % and 100 % only for none and all.
export function percent(votes, voters) {
  const rounded = voters === 0 ? 0 : Math.round((votes * 100) / voters);
  if (rounded === 0 && votes > 0) return `<${shares.format(0.01)}`;
  if (rounded >= 100 && votes < voters) return `>${shares.format(0.99)}`;
  return shares.format(rounded / 100);
}

// The form of a text for a number. The page has its three forms as JSON: for 0, for 1, and for all others.
export function counted(forms, count) {
  const [zero, one, other] = JSON.parse(forms);
  const form = count === 0 ? zero : count === 1 ? one : other;
  return form.replace("{count}", number(count));
}

// The time of day of a moment.
export function time(moment) {
  return times.format(moment);
}

// The day and the time of a moment.
export function dateAndTime(moment) {
  return moments.format(moment);
}
