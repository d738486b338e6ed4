import { Problem } from "./problem.js";

/** Most messages and bytes that wait in an outbox. */
export const bounds = Object.freeze({ messages: 256, bytes: 1024 * 1024 });

/**
 * A message on its way: kept until the server's receipt, since only then it survives everything.
 *
 * @typedef {object} Letter
 * @property {number} seq our counter in the room; 0 until it is first sent
 * @property {boolean} sent on the connection of now
 * @property {string} type
 * @property {string} contentType
 * @property {string | Uint8Array} body
 * @property {number} size
 * @property {(seq: number) => void} resolve
 * @property {(reason: Error) => void} reject
 * @property {Promise<number>} receipt settles with the seq, or with a Problem
 */

/** What one player says to one room, in order, each message numbered once and kept until it is receipted. */
export class Outbox {
  /** @type {Letter[]} */
  #letters = [];
  #bytes = 0;
  #seq = 0;

  /** How many messages have no receipt yet. */
  get length() {
    return this.#letters.length;
  }

  /**
   * @param {string} type
   * @param {string} contentType
   * @param {string | Uint8Array} body
   * @returns {Letter}
   * @throws {Problem} `outbox_full`
   */
  add(type, contentType, body) {
    const size = type.length + body.length;
    if (this.#letters.length >= bounds.messages || this.#bytes + size > bounds.bytes) {
      throw new Problem(0, "outbox_full", "too many messages wait for the connection");
    }
    /** @type {(seq: number) => void} */
    let resolve = () => {};
    /** @type {(reason: Error) => void} */
    let reject = () => {};
    /** @type {Promise<number>} */
    const receipt = new Promise((yes, no) => {
      resolve = yes;
      reject = no;
    });
    const letter = { seq: 0, sent: false, type, contentType, body, size, resolve, reject, receipt };
    this.#letters.push(letter);
    this.#bytes += size;
    return letter;
  }

  /**
   * The room has handled our messages up to this seq; later ones get higher numbers.
   *
   * @param {number} seq
   */
  handled(seq) {
    if (seq > this.#seq) this.#seq = seq;
  }

  /** The connection is a new one: everything is to be sent again, under the same numbers. */
  rewind() {
    for (const letter of this.#letters) letter.sent = false;
  }

  /**
   * Gives what is to be sent, in order, to send until that returns false.
   *
   * @param {(letter: Letter) => boolean} send
   */
  flush(send) {
    for (const letter of this.#letters) {
      if (letter.sent) continue;
      if (letter.seq === 0) letter.seq = ++this.#seq;
      if (!send(letter)) return;
      letter.sent = true;
    }
  }

  /**
   * The server has message seq: it is done with.
   *
   * @param {number} seq
   */
  receipted(seq) {
    this.#take((l) => l.seq === seq)?.resolve(seq);
  }

  /**
   * The server refuses message seq for good.
   *
   * @param {number} seq
   * @param {Error} reason
   */
  refused(seq, reason) {
    this.#take((l) => l.seq === seq)?.reject(reason);
  }

  /**
   * Nothing in it will be sent any more.
   *
   * @param {Error} reason
   */
  clear(reason) {
    const letters = this.#letters;
    this.#letters = [];
    this.#bytes = 0;
    for (const letter of letters) letter.reject(reason);
  }

  /** @param {(letter: Letter) => boolean} which */
  #take(which) {
    const i = this.#letters.findIndex(which);
    if (i < 0) return undefined;
    const [letter] = this.#letters.splice(i, 1);
    this.#bytes -= letter.size;
    return letter;
  }
}
