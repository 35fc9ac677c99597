// A small Socket.IO client: the WebSocket subset of Engine.IO 4 and Socket.IO 5, in the default namespace,
// for events with one argument. It reconnects for ever, with growing and random delays. Only ECMAScript 2018 and the
// Web APIs of Safari 12, for old phones (tests/old_phones.rs).
//
//   const query = { poll: "main" };   // read at each connection, so it may be changed
//   const socket = openSocket("/socket.io/", query, {
//     event: (name, argument) => …,   // an event arrived
//     state: (connected) => …,        // the connection was made or lost
//   });
//   socket.emit("subscribe", { channel: "lunch" });   // false, and nothing is sent, while there is no connection
//   socket.restart();                 // drops a connection that is silent
//
// Engine.IO packets: 0 open, 1 close, 2 ping, 3 pong, 4 message; Socket.IO packets inside a message:
// 0 connect, 1 disconnect, 2 event, 4 connect error. All of them are text frames.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10000;
// For the handshake; afterwards the server says how often it pings.
const HANDSHAKE_TIMEOUT_MS = 10000;

export function openSocket(path, query, handlers) {
  if (typeof WebSocket !== "function") return { emit: () => false, restart: () => {} };
  let socket = null;
  let connected = false;
  let failures = 0;
  let silenceMs = HANDSHAKE_TIMEOUT_MS;
  let silence = 0;
  let retry = 0;

  function address() {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = String(new URLSearchParams(Object.assign({ EIO: "4", transport: "websocket" }, query)));
    return String(url);
  }

  function open() {
    clearTimeout(retry);
    retry = 0;
    silenceMs = HANDSHAKE_TIMEOUT_MS;
    const mine = new WebSocket(address());
    socket = mine;
    mine.onmessage = ({ data }) => mine === socket && receive(mine, String(data));
    mine.onclose = () => lose(mine);
    listen();
  }

  function receive(mine, packet) {
    listen();
    switch (packet[0]) {
      case "0": {
        const { pingInterval, pingTimeout } = JSON.parse(packet.slice(1));
        silenceMs = pingInterval + pingTimeout;
        mine.send("40");
        break;
      }
      case "1":
        lose(mine);
        break;
      case "2":
        mine.send("3" + packet.slice(1));
        break;
      case "4":
        message(mine, packet.slice(1));
        break;
    }
  }

  function message(mine, packet) {
    switch (packet[0]) {
      case "0":
        failures = 0;
        tell(true);
        break;
      case "2": {
        const [name, argument] = JSON.parse(packet.slice(1));
        handlers.event(name, argument);
        break;
      }
      case "1":
      case "4":
        lose(mine);
        break;
    }
  }

  // Restarts the timer: a server that is silent for longer than it promised is gone.
  function listen() {
    clearTimeout(silence);
    const mine = socket;
    silence = setTimeout(() => lose(mine), silenceMs);
  }

  function lose(mine) {
    if (mine === null || mine !== socket) return;
    socket = null;
    clearTimeout(silence);
    mine.close();
    tell(false);
    // Full jitter: thousands of screens that lost the same server must not come back at the same moment.
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 10));
    failures += 1;
    retry = setTimeout(open, FIRST_DELAY_MS / 5 + Math.random() * ceiling);
  }

  function hurry() {
    if (retry) open();
  }

  function emit(name, argument) {
    if (connected) socket.send("42" + JSON.stringify([name, argument]));
    return connected;
  }

  function tell(now) {
    if (now === connected) return;
    connected = now;
    handlers.state(now);
  }

  // Connects without delay when the network is back or the page is visible again.
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());
  open();
  return { emit, restart: () => lose(socket) };
}
