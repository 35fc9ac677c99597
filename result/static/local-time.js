// Writes the times on a page in the reader's time zone and format. Without this script they are in UTC.

import { dateAndTime } from "./language.js";

for (const element of document.querySelectorAll("time[data-text]")) {
  element.textContent = element.dataset.text.replace("{time}", dateAndTime(new Date(element.dateTime)));
}
