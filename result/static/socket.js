// A small Socket.IO client: the WebSocket subset of Engine.IO 4 and Socket.IO 5, in the default namespace,
// for events from the server with one argument. It reconnects for ever, with growing and random delays.
//
//   new Socket("/socket.io/", { poll: "main" }, {
//     event: (name, argument) => …,   // an event came
//     state: (connected) => …,        // the connection was made or lost
//   });
//
// Engine.IO packets: 0 open, 1 close, 2 ping, 3 pong, 4 message; Socket.IO packets inside a message:
// 0 connect, 1 disconnect, 2 event, 4 connect error. All of them are text frames.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
// For the handshake; afterwards the server says how often it pings.
const HANDSHAKE_TIMEOUT_MS = 10_000;

export class Socket {
  #address;
  #handlers;
  #socket = null;
  #connected = false;
  #failures = 0;
  #silenceMs = HANDSHAKE_TIMEOUT_MS;
  #silence = 0;
  #retry = 0;

  constructor(path, query, handlers) {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams({ EIO: "4", transport: "websocket", ...query });
    this.#address = url;
    this.#handlers = handlers;
    // No use in waiting out a delay when the network is back or somebody looks at the page again.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
    this.#open();
  }

  // Gives the connection up and makes a new one; for a server that is connected and yet says nothing.
  restart() {
    this.#lose(this.#socket);
  }

  #open() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#silenceMs = HANDSHAKE_TIMEOUT_MS;
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(socket, String(data));
    socket.onclose = () => this.#lose(socket);
    this.#listen();
  }

  #receive(socket, packet) {
    this.#listen();
    switch (packet[0]) {
      case "0": {
        const { pingInterval, pingTimeout } = JSON.parse(packet.slice(1));
        this.#silenceMs = pingInterval + pingTimeout;
        socket.send("40");
        break;
      }
      case "1":
        this.#lose(socket);
        break;
      case "2":
        socket.send("3" + packet.slice(1));
        break;
      case "4":
        this.#message(socket, packet.slice(1));
        break;
    }
  }

  #message(socket, packet) {
    switch (packet[0]) {
      case "0":
        this.#failures = 0;
        this.#tell(true);
        break;
      case "2": {
        const [name, argument] = JSON.parse(packet.slice(1));
        this.#handlers.event(name, argument);
        break;
      }
      case "1":
      case "4":
        this.#lose(socket);
        break;
    }
  }

  // Begins to wait anew: a server that is silent for longer than it promised is gone.
  #listen() {
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#silence = setTimeout(() => this.#lose(socket), this.#silenceMs);
  }

  #lose(socket) {
    if (socket === null || socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#silence);
    socket.close();
    this.#tell(false);
    // Full jitter: thousands of screens that lost the same server must not come back at the same moment.
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#open(), FIRST_DELAY_MS / 5 + Math.random() * ceiling);
  }

  #hurry() {
    if (this.#retry) this.#open();
  }

  #tell(connected) {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#handlers.state(connected);
  }
}
