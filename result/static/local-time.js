// Writes the times on a page in the reader's own time zone and way; without this script they stand in UTC.

import { dateAndTime } from "./language.js";

for (const element of document.querySelectorAll("time[data-text]")) {
  element.textContent = element.dataset.text.replace("{time}", dateAndTime(new Date(element.dateTime)));
}
