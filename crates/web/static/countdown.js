// Counts down until a poll closes by itself. The server says how many milliseconds are left, and the browser's steady
// clock says how many have passed since; what time it is has no part in it. Only ECMAScript 2018 and the Web APIs of
// Safari 12 (tests/old_phones.rs).
//
//   const timer = countDown(element, ended)   // of `countdown.html`; `ended()` is called when the time is over
//   timer.heard(closesInMs)                   // what an answer says; undefined: there is no countdown

import { counted } from "./language.js";
import { write } from "./write.js";

// What is said to those who don't see it, and from when on it is shown large.
const SAID_AT = [30, 10];
const LARGE_FROM = 10;
// An answer that says this much more than is shown knows of more time. One that says a little more was on its way.
const MORE_TIME_MS = 1000;

export function countDown(element, ended) {
  if (!element) return { heard() {} };
  const clock = element.querySelector(".clock");
  const said = element.querySelector("[role=status]");
  let endsAt = null;
  let timer = 0;
  let shown = null;

  function tick() {
    clearTimeout(timer);
    if (endsAt === null || (shown !== null && !element.isConnected)) return;
    const left = Math.max(0, endsAt - performance.now());
    const seconds = Math.ceil(left / 1000);
    write(clock, written(seconds));
    element.classList.toggle("last", seconds <= LARGE_FROM);
    const mark = SAID_AT.find((it) => seconds === it && shown !== it);
    if (mark) write(said, counted(element.dataset.left, mark));
    shown = seconds;
    if (left > 0) {
      // To where the next second begins, and a little further, since timers may be early.
      timer = setTimeout(tick, left - (seconds - 1) * 1000 + 5);
      return;
    }
    endsAt = null;
    if (ended) ended();
  }

  function heard(closesInMs) {
    if (closesInMs === undefined || closesInMs === null) {
      endsAt = null;
      element.hidden = true;
      write(said, "");
      return clearTimeout(timer);
    }
    const at = performance.now() + closesInMs;
    if (endsAt === null || at < endsAt || at > endsAt + MORE_TIME_MS) endsAt = at;
    element.hidden = false;
    tick();
  }

  const { closesInMs } = element.dataset;
  if (closesInMs) heard(Number(closesInMs));
  return { heard };
}

// "0:07", "12:30", "1:00:00"
function written(seconds) {
  const two = (number) => (number < 10 ? `0${number}` : String(number));
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600);
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
