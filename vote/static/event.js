// Follows an event: hears from the result host which question is on, at once over its socket, every two seconds without
// one, and at once after the device has slept.
//
//   followEvent({ id, nowUrl, socketUrl }, heard)   // `heard(news)`: what the host says; null if it says nothing

import { ask } from "./ask.js";
import { onWake } from "./awake.js";
import { openSocket } from "./socket.js";

const ASK_EVERY_MS = 2000;
const PATIENCE_MS = 5000;

export function followEvent({ id, nowUrl, socketUrl }, heard) {
  let connected = false;
  let timer = 0;
  let looks = 0;

  async function look() {
    clearTimeout(timer);
    if (document.hidden) return;
    // The last look counts: one that began before a sleep may never end.
    looks += 1;
    const mine = looks;
    let news = null;
    try {
      const answer = await ask(nowUrl, { cache: "no-store", credentials: "omit" }, PATIENCE_MS);
      if (answer.ok) news = JSON.parse(answer.text);
    } catch (error) {
      // Nothing is heard.
    }
    if (mine !== looks) return;
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

  onWake((slept) => {
    if (slept) socket.restart();
    look();
  });
  addEventListener("online", look);
  look();
}
