// Writes the times on a page in the reader's own time zone and way; without this script they stand in UTC.
const { lang } = document.documentElement;
const locale = (navigator.languages || []).find((own) => own.startsWith(lang)) || lang;
const date = { year: "numeric", month: "long", day: "numeric" };
// What `dateStyle` and `timeStyle` give, which browsers of 2018 do not know: clocks of 24 hours have two digits for the
// hour.
const hour = new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hour12 ? "numeric" : "2-digit";
const time = { hour, minute: "2-digit", second: "2-digit" };
const format = new Intl.DateTimeFormat(locale, Object.assign(date, time));
for (const element of document.querySelectorAll("time[data-text]")) {
  element.textContent = element.dataset.text.replace("{time}", format.format(new Date(element.dateTime)));
}
