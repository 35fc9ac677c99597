// Follows an event: hears from the result host which question is on, at once over its socket, every two seconds without
// one, and at once after the device has slept.
//
//   followEvent({ id, nowUrl, socketUrl }, heard)   // `heard(news)`: what the host says; null if it says nothing

import { ask } from "./ask.js";
import { openSocket } from "./socket.js";

const ASK_EVERY_MS = 2000;
const PATIENCE_MS = 5000;
// A clock that went on for longer than this between two beats: the device slept.
const BEAT_MS = 500;
const ASLEEP_MS = 3000;

export function followEvent({ id, nowUrl, socketUrl }, heard) {
  let connected = false;
  let timer = 0;
  let asking = false;

  async function look() {
    clearTimeout(timer);
    if (asking || document.hidden) return;
    asking = true;
    let news = null;
    try {
      const answer = await ask(nowUrl, { cache: "no-store", credentials: "omit" }, PATIENCE_MS);
      if (answer.ok) news = JSON.parse(answer.text);
    } catch (error) {
      // Nothing is heard.
    }
    asking = false;
    if (news || !connected) heard(news);
    lookLater();
  }

  function lookLater() {
    clearTimeout(timer);
    // At random intervals, so that a full room does not ask at the same moment.
    if (!connected) timer = setTimeout(look, ASK_EVERY_MS * (0.85 + Math.random() * 0.3));
  }

  const socket = openSocket(socketUrl, { event: id }, {
    event(name, argument) {
      if (name === "event") heard(JSON.parse(argument));
    },
    state(now) {
      connected = now;
      lookLater();
    },
  });

  // A connection from before the sleep may be dead, and nothing says so.
  function wake() {
    socket.restart();
    look();
  }

  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > ASLEEP_MS) wake();
    else look();
  });
  let beatAt = Date.now();
  setInterval(() => {
    const slept = Date.now() - beatAt > ASLEEP_MS;
    beatAt = Date.now();
    // The beats of a hidden page are rare.
    if (slept && !document.hidden) wake();
  }, BEAT_MS);
  addEventListener("online", look);
  look();
}
