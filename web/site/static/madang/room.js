import { read } from "./message.js";
import { Outbox } from "./outbox.js";
import { Problem } from "./problem.js";

/** @typedef {import("./message.js").Message} Message */
/** @typedef {{id: string, game: string, version: string, state: string, players: number, capacity: number, created_at: string,
 *   spectators?: number, max_spectators?: number, private?: boolean, owner?: string, labels?: Record<string, string | number>}} RoomInfo */
/** @typedef {{url: string, topic: string, queue: string}} Stomp */

/**
 * A room's way out, from its client.
 *
 * @typedef {object} Wire
 * @property {string} me our user id
 * @property {(command: string, headers: Record<string, string | number | undefined>, body?: string | Uint8Array) => boolean} send
 * @property {() => Promise<void>} leave gives up the seat
 * @property {(method: string, call: string, body?: object) => Promise<any>} ask calls the lobby about this room
 * @property {() => void} gone the room has ended: forget it
 */

const ANSWERED = 256; // how many answered seqs are remembered

/**
 * A room in which we have a seat. Get one from {@link Client}; it lives until it ends, over any number of
 * connections: what is said meanwhile is caught up on, what we say meanwhile is sent afterwards.
 *
 * It is an EventTarget. Each message is an event named by its type, with the {@link Message} as `detail`; so are the
 * system's: `$snapshot` (the whole room as we may see it: forget what you knew), `$joined`, `$left`, `$suspended`,
 * `$resumed`, `$closed`, `$notice`. Refusals of what we sent are events of type `error`. Three more have a colon,
 * which no message type can have:
 *
 * - `:message` each message, whatever its type, before its own event
 * - `:live` the room hears us (again): what was missed is on its way or a `$snapshot` was given
 * - `:ended` it is over for us; `detail` is `{code, reason}`: `closed`, `left`, or a refusal such as `not_seated`
 *
 * Listeners that are added in the turn in which join() resolved miss nothing.
 */
export class Room extends EventTarget {
  #wire;
  #outbox = new Outbox();
  /** @type {{epoch: string, n: bigint} | undefined} */
  #position;
  #subscribed = false;
  /** @type {Set<number>} */
  #answered = new Set();
  /** @type {{letter: import("./outbox.js").Letter, resolve: (m: Message) => void, reject: (e: Error) => void}[]} */
  #asks = [];
  /** @type {{code: string, reason: string} | undefined} */
  #end;

  /**
   * @param {RoomInfo} info
   * @param {Stomp} stomp
   * @param {Wire} wire
   */
  constructor(info, stomp, wire) {
    super();
    /** As the lobby described it when we joined. */
    this.info = info;
    this.stomp = stomp;
    /** Of a private room: others come in by it. */
    this.code = "";
    /** We only watch: what we send is refused with `spectator`. */
    this.spectator = false;
    this.#wire = wire;
  }

  get id() {
    return this.info.id;
  }

  /** Why it is over for us; undefined while it goes on. */
  get ended() {
    return this.#end;
  }

  /** How many of our messages have no receipt yet. */
  get pending() {
    return this.#outbox.length;
  }

  /** Lets another player in for an hour, also into a private room, and tells it. @param {string} user */
  async invite(user) {
    await this.#wire.ask("POST", "/invite", { user });
  }

  /** For the owner: puts a player or spectator out. @param {string} user */
  async kick(user) {
    await this.#wire.ask("POST", "/kick", { user });
  }

  /** For the owner: puts a player out for good. @param {string} user */
  async ban(user) {
    await this.#wire.ask("POST", "/bans", { user });
  }

  /** For the owner: lets a player in again. @param {string} user */
  async unban(user) {
    await this.#wire.ask("DELETE", `/bans/${encodeURIComponent(user)}`);
  }

  /** For the owner: who is banned. @returns {Promise<{user: string, name: string, banned_at: string}[]>} */
  async bans() {
    return (await this.#wire.ask("GET", "/bans")).bans;
  }

  /** For the owner: makes another player the owner. @param {string} user */
  async pass(user) {
    await this.#wire.ask("POST", "/owner", { user });
  }

  /** For the owner of a private room: another code in place of the old. @returns {Promise<string>} */
  async renewCode() {
    this.code = (await this.#wire.ask("POST", "/code")).code;
    return this.code;
  }

  /** For the owner, where the game allows it: ends the room. `$closed` follows. */
  async close() {
    await this.#wire.ask("POST", "/close");
  }

  /**
   * addEventListener with the message itself as the argument.
   *
   * @param {string} type
   * @param {(detail: any) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(type, listener) {
    /** @param {Event} e */
    const call = (e) => listener(/** @type {CustomEvent} */ (e).detail);
    this.addEventListener(type, call);
    return () => this.removeEventListener(type, call);
  }

  /**
   * Says something to the room. Messages arrive in the order of the calls, each once, however often the connection
   * breaks on the way. What the room answers comes as events; a refusal as an `error` event with `code` and `request`.
   *
   * @param {string} type
   * @param {unknown} [body] bytes go as they are, everything else as JSON; default {}
   * @returns {Promise<number>} its seq, once the server holds it for good. Rejects with a {@link Problem}: `outbox_full`
   *   at once; or when the room or the connection has ended first, and it may or may not have arrived
   */
  async send(type, body) {
    return this.#post(type, body).receipt;
  }

  /**
   * Says something to which the room replies to us alone, and waits for the reply.
   *
   * @param {string} type
   * @param {unknown} [body]
   * @param {{timeout?: number}} [options] ms to wait, default 10 s: then Problem `no_answer`
   * @returns {Promise<Message>} rejects with a {@link Problem} that has the room's code when it refuses
   */
  async ask(type, body, { timeout = 10_000 } = {}) {
    const letter = this.#post(type, body);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        this.#asks.push({ letter, resolve, reject });
        letter.receipt.catch(reject);
        timer = setTimeout(() => reject(new Problem(0, "no_answer", `no answer to ${type}`)), timeout);
      });
    } finally {
      clearTimeout(timer);
      this.#asks = this.#asks.filter((a) => a.letter !== letter);
    }
  }

  /** Gives up the seat. On return the lobby knows, and the room has ended for us. */
  async leave() {
    if (this.#end) return;
    await this.#wire.leave();
    this.finish("left", "left");
  }

  // What follows is the client's side of a room: not for games.

  /** A connection is live: subscribes, from where we were, and sends what waits. */
  attach() {
    if (this.#end) return;
    this.#outbox.rewind();
    this.#subscribed = this.#wire.send("SUBSCRIBE", {
      destination: this.stomp.topic,
      id: this.id,
      receipt: `sub ${this.id}`,
      resume: this.#position && `${this.#position.epoch}-${this.#position.n}`,
    });
    this.#flush();
  }

  /** The connection is gone. */
  detach() {
    this.#subscribed = false;
  }

  /**
   * Another connection may have spoken for us: what we knew of the room and of our seqs is void.
   *
   * @param {Error} reason what waiting promises get
   */
  reset(reason) {
    this.#subscribed = false;
    this.#position = undefined;
    this.#answered.clear();
    this.#outbox.clear(reason);
    for (const ask of this.#asks) ask.reject(reason);
  }

  /** @param {import("./stomp.js").Frame} frame a MESSAGE of our subscription */
  take(frame) {
    if (this.#end) return;
    const message = read(frame);
    const snapshot = message.type === "$snapshot";
    const at = /^(\d{1,20})-(\d{1,20})$/.exec(message.id);
    const seen = at && this.#position?.epoch === at[1] && BigInt(at[2]) <= this.#position.n;
    if (message.request) {
      if (seen && this.#answered.has(message.request)) return;
      this.#answered.add(message.request);
      if (this.#answered.size > ANSWERED) this.#answered.delete(/** @type {number} */ (this.#answered.values().next().value));
      this.#answer(message);
    } else if (seen && !snapshot) {
      return;
    }
    if (at && (snapshot || !seen)) this.#position = { epoch: at[1], n: BigInt(at[2]) };
    if (snapshot) this.#outbox.handled(Number(frame.headers.get("handled")) || 0);
    this.#emit(":message", message);
    this.#emit(message.type, message);
    if (message.type === "$closed") this.finish("closed", message.body?.reason ?? "");
    if (message.type === "$left" && message.body?.user === this.#wire.me) this.finish("left", message.body.reason ?? "");
    this.#flush();
  }

  /** @param {string} receipt of a frame of ours: "live" of the SUBSCRIBE, else a seq */
  receipted(receipt) {
    if (receipt === "live") this.#emit(":live", undefined);
    else this.#outbox.receipted(Number(receipt));
  }

  /**
   * The server has closed the connection over one of our SENDs: it must not be sent again.
   *
   * @param {number} seq
   * @param {Problem} problem
   */
  refused(seq, problem) {
    this.#outbox.refused(seq, problem);
  }

  /**
   * It is over for us. A second call does nothing.
   *
   * @param {string} code
   * @param {string} [reason]
   */
  finish(code, reason = "") {
    if (this.#end) return;
    this.#end = { code, reason };
    this.#wire.send("UNSUBSCRIBE", { id: this.id });
    this.reset(new Problem(0, code, "the room has ended"));
    this.#wire.gone();
    this.#emit(":ended", this.#end);
  }

  /**
   * @param {string} type
   * @param {unknown} body
   */
  #post(type, body) {
    if (this.#end) throw new Problem(0, this.#end.code, "the room has ended");
    const bytes = body instanceof Uint8Array ? body : body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
    const letter = this.#outbox.add(
      type,
      bytes ? "application/octet-stream" : "application/json",
      bytes ?? JSON.stringify(body ?? {}),
    );
    letter.receipt.catch(() => {}); // whoever wants to know has its own branch
    this.#flush();
    return letter;
  }

  /** Without a position we don't know our last seq yet: the first `$snapshot` says it. */
  #flush() {
    if (!this.#subscribed || !this.#position) return;
    this.#outbox.flush((letter) =>
      this.#wire.send("SEND", {
        destination: this.stomp.queue,
        type: letter.type,
        seq: letter.seq,
        receipt: `seq ${letter.seq} ${this.id}`,
        "content-type": letter.contentType,
      }, letter.body));
  }

  /** @param {Message} message */
  #answer(message) {
    const ask = this.#asks.find((a) => a.letter.seq === message.request);
    if (!ask) return;
    if (message.type !== "error") return ask.resolve(message);
    ask.reject(new Problem(0, message.code, message.body?.message, message.request));
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
