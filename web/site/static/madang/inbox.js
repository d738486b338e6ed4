import { read } from "./message.js";

const QUEUE = "/user/queue/lobby";
const ID = "lobby"; // of the subscription; rooms have longer ones

/**
 * The way out of an inbox, from its client.
 *
 * @typedef {object} Wire
 * @property {(command: string, headers: Record<string, string | number | undefined>) => boolean} send
 */

/** @typedef {import("./message.js").Message} Message */

/**
 * What we are told outside of rooms. Get it from {@link Client}; it lives over any number of connections and misses nothing.
 *
 * It is an EventTarget. Each message is an event named by its type, with the {@link Message} as `detail`: `$match`, `$party`,
 * `$friend`, `$message`, `$invite`, and what the game says; those without an id, `$presence` and `$notice`, are of the moment.
 * Two more have a colon: `:message` each message, before its own event, and `:live` it is heard (again), and all that was missed
 * has come: read what was said before over REST then.
 */
export class Inbox extends EventTarget {
  static id = ID;
  #wire;
  /** @type {bigint | undefined} */
  #last;

  /** @param {Wire} wire */
  constructor(wire) {
    super();
    this.#wire = wire;
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

  // What follows is the client's side of it.

  /** A connection is live: subscribes, from where we were. */
  attach() {
    this.#wire.send("SUBSCRIBE", {
      destination: QUEUE,
      id: ID,
      receipt: `inbox ${ID}`,
      resume: this.#last === undefined ? undefined : `lobby-${this.#last}`,
    });
  }

  /** @param {import("./stomp.js").Frame} frame a MESSAGE of our subscription */
  take(frame) {
    const message = read(frame);
    const n = number(message.id);
    if (n !== undefined) {
      if (this.#last !== undefined && n <= this.#last) return;
      this.#last = n;
    }
    this.#emit(":message", message);
    this.#emit(message.type, message);
  }

  /** @param {import("./stomp.js").Frame} frame the RECEIPT of our SUBSCRIBE: it says where that stands */
  receipted({ headers }) {
    const n = number(headers.get("message-id") ?? "");
    if (n !== undefined && (this.#last === undefined || n > this.#last)) this.#last = n;
    this.#emit(":live", undefined);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {string} id */
function number(id) {
  const [, n] = /^lobby-(\d{1,20})$/.exec(id) ?? [];
  return n === undefined ? undefined : BigInt(n);
}
