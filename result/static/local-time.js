// Writes the times on a page in the reader's own time zone and way; without this script they stand in UTC.
const { lang } = document.documentElement;
const locale = navigator.languages.find((own) => own.startsWith(lang)) ?? lang;
const format = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "medium" });
for (const time of document.querySelectorAll("time[data-text]")) {
  time.textContent = time.dataset.text.replace("{time}", format.format(new Date(time.dateTime)));
}
