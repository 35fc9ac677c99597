// Writes the times on a page in the reader's own time zone and way; without this script they stand in UTC.
const { lang } = document.documentElement;
const locale = (navigator.languages || []).find((own) => own.startsWith(lang)) || lang;
const date = { year: "numeric", month: "long", day: "numeric" };
const time = { hour: "numeric", minute: "2-digit", second: "2-digit" };
const format = new Intl.DateTimeFormat(locale, Object.assign(date, time));
for (const element of document.querySelectorAll("time[data-text]")) {
  element.textContent = element.dataset.text.replace("{time}", format.format(new Date(element.dateTime)));
}
