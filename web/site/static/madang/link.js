import { Decoder, encode } from "./stomp.js";

/**
 * Where a client's one connection stands. `waiting` has the time of the next try (ms since 1970) and the code of what
 * went wrong, if the server said; `ended` has the code and stays until connect() is called again.
 *
 * @typedef {{name: "idle"} | {name: "connecting"} | {name: "live"}
 *   | {name: "waiting", until: number, code?: string} | {name: "ended", code: string}} State
 */

/** @typedef {import("./stomp.js").Frame} Frame */

/**
 * @typedef {object} Hooks
 * @property {() => string} token the session token to sign in with
 * @property {(state: State) => void} state the state has changed
 * @property {() => void} live a new connection has been signed in: nothing is subscribed on it yet
 * @property {(frame: Frame) => void} frame a MESSAGE, RECEIPT or ERROR; the connection closes behind an ERROR
 */

/** ERROR codes after which coming back by itself would be wrong. After any other one the link tries again. */
const finals = new Set(["not_signed_in", "session_replaced"]);

const CONNECT_MS = 10_000; // from opening the socket to CONNECTED
const BEAT_MS = 20_000; // what we offer and ask for
const FIRST_MS = 200, LONGEST_MS = 10_000; // between two tries
const SHORT_MS = 750; // a wait is never longer while the outage is young

/**
 * One STOMP connection that keeps coming back: after a loss it waits 0.2 s at most, then twice as long each time up to 10 s,
 * but no longer than 750 ms or a tenth of what the outage has lasted, whichever is more, so that a short outage costs no
 * second more; a gateway that sends it away is not an outage. A random part of it, up to a half, is left out so that
 * thousands of clients don't return in one moment.
 */
export class Link {
  /** @type {State} */
  #state = { name: "idle" };
  /** @type {WebSocket | undefined} */
  #ws;
  #url = "";
  #tries = 0;
  #waited = 0; // before the last try
  #outage = 0; // when it began
  #liveSince = 0;
  #heard = 0; // when the server's last bytes came
  #silence = Infinity; // how long the server may be silent
  #wentOffline = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer; // for the connecting or waiting state
  /** @type {ReturnType<typeof setInterval>[]} */
  #beats = [];
  #hooks;
  #WebSocket;

  /**
   * @param {Hooks} hooks
   * @param {typeof WebSocket} [socket] the constructor to use
   */
  constructor(hooks, socket) {
    this.#hooks = hooks;
    this.#WebSocket = socket;
  }

  get state() {
    return this.#state;
  }

  /**
   * Connects to url unless that is under way or done. Also after the end.
   *
   * @param {string} url
   */
  start(url) {
    const running = this.#state.name !== "idle" && this.#state.name !== "ended";
    if (running && url === this.#url) return;
    this.#url = url;
    this.#tries = 0;
    this.#outage = Date.now();
    this.#open();
  }

  /** Says goodbye, closes and stays idle. */
  stop() {
    this.send("DISCONNECT", {});
    this.#hangUp();
    this.#turn({ name: "idle" });
  }

  /**
   * Something has changed for the better (network back, tab visible): tries at once if it waits, and replaces a
   * connection that may be dead.
   */
  wake() {
    const offline = this.#wentOffline;
    this.#wentOffline = false;
    const stale = this.#state.name === "live" && (offline || Date.now() - this.#heard > this.#silence / 2);
    if (this.#state.name === "waiting" || stale) this.#open();
  }

  /** The network is said to be gone; what is open may still work, so nothing is closed. */
  offline() {
    this.#wentOffline = true;
  }

  /**
   * Sends one frame.
   *
   * @param {string} command
   * @param {Record<string, string | number | undefined>} headers
   * @param {string | Uint8Array} [body]
   * @returns {boolean} false when there is no live connection; then nothing was sent
   */
  send(command, headers, body) {
    if (this.#state.name !== "live" || this.#ws?.readyState !== 1) return false;
    this.#ws.send(encode(command, headers, body));
    return true;
  }

  #open() {
    this.#hangUp();
    this.#turn({ name: "connecting" });
    const Socket = this.#WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new Error("no WebSocket here: give the Client one (Node 20: from undici, or run node --experimental-websocket)");
    const ws = (this.#ws = new Socket(this.#url, ["v12.stomp"]));
    ws.binaryType = "arraybuffer";
    const decoder = new Decoder();
    this.#timer = setTimeout(() => this.#lost(ws), CONNECT_MS);
    ws.onopen = () => {
      if (ws !== this.#ws) return;
      ws.send(encode("CONNECT", {
        "accept-version": "1.2",
        host: new URL(this.#url).hostname,
        passcode: this.#hooks.token(),
        "heart-beat": `${BEAT_MS},${BEAT_MS}`,
      }));
    };
    ws.onmessage = (event) => {
      if (ws !== this.#ws) return;
      this.#heard = Date.now();
      try {
        for (const frame of decoder.push(event.data)) {
          if (ws !== this.#ws) return; // a frame before has ended it
          this.#take(ws, frame);
        }
      } catch (err) {
        this.#lost(ws);
        console.warn("madang: connection dropped:", err);
      }
    };
    ws.onclose = ws.onerror = () => this.#lost(ws);
  }

  /**
   * @param {WebSocket} ws
   * @param {Frame} frame
   */
  #take(ws, frame) {
    if (frame.command === "CONNECTED") {
      if (this.#state.name !== "connecting") return;
      clearTimeout(this.#timer);
      this.#beat(ws, frame.headers.get("heart-beat") ?? "0,0");
      this.#liveSince = Date.now();
      this.#turn({ name: "live" });
      if (ws === this.#ws) this.#hooks.live();
      return;
    }
    this.#hooks.frame(frame);
    if (frame.command !== "ERROR" || ws !== this.#ws) return;
    const code = frame.headers.get("code") ?? "error";
    if (!finals.has(code)) return this.#lost(ws, code);
    this.#hangUp();
    this.#turn({ name: "ended", code });
  }

  /**
   * Starts the heart-beats that both sides have agreed on.
   *
   * @param {WebSocket} ws
   * @param {string} offered by the server: what it can send and what it wants, in ms
   */
  #beat(ws, offered) {
    const [sends, wants] = offered.split(",").map((n) => Math.max(0, Number(n) || 0));
    if (wants > 0) {
      this.#beats.push(setInterval(() => ws.readyState === 1 && ws.send("\n"), Math.max(wants, BEAT_MS)));
    }
    this.#silence = Infinity;
    if (sends > 0) {
      const every = Math.max(sends, BEAT_MS);
      this.#silence = 2.5 * every;
      this.#beats.push(setInterval(() => Date.now() - this.#heard > this.#silence && this.#lost(ws), every / 4));
    }
  }

  /**
   * @param {WebSocket} ws
   * @param {string} [code] what the server gave as the reason
   */
  #lost(ws, code) {
    if (ws !== this.#ws) return;
    this.#hangUp();
    const wait = this.#next(Date.now(), code !== undefined);
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#turn({ name: "waiting", until: Date.now() + wait, code });
  }

  /**
   * How long to wait now. A connection that stood for longer than it was waited for ends the row of failures, and the
   * outage; one that is lost sooner does not, so that a network that comes and goes is asked less and less.
   *
   * @param {number} now
   * @param {boolean} refused the gateway has sent us away
   */
  #next(now, refused) {
    if (this.#liveSince && now - this.#liveSince > this.#waited) {
      this.#tries = 0;
      this.#outage = now;
    }
    let most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#tries, 10));
    if (!refused) most = Math.min(most, Math.max(SHORT_MS, (now - this.#outage) / 10));
    this.#liveSince = 0;
    this.#tries++;
    this.#waited = most / 2 + (Math.random() * most) / 2;
    return this.#waited;
  }

  /** Ends the socket and every timer; what the socket still says goes unheard. */
  #hangUp() {
    clearTimeout(this.#timer);
    this.#beats.forEach(clearInterval);
    this.#beats = [];
    const ws = this.#ws;
    this.#ws = undefined;
    ws?.close();
  }

  /** @param {State} state */
  #turn(state) {
    this.#state = state;
    this.#hooks.state(state);
  }
}
