// STOMP 1.2 frames (https://stomp.github.io/stomp-specification-1.2.html) for use over a WebSocket.

/**
 * One frame as received. Header names are as on the wire; of repeated ones the first counts.
 *
 * @typedef {object} Frame
 * @property {string} command
 * @property {Map<string, string>} headers
 * @property {Uint8Array} body
 */

/** What a {@link Decoder} takes before it gives up, so that no peer can fill the memory. */
export const limits = Object.freeze({ fields: 128, headerBytes: 16 * 1024, bodyBytes: 4 * 1024 * 1024 });

const NUL = 0, LF = 10, CR = 13;
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true });

/** A frame that breaks STOMP's rules or a limit. The connection it came by can't be used any more. */
export class FrameError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "FrameError";
  }
}

const escapes = /** @type {Record<string, string>} */ ({ "\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c" });
const unescapes = /** @type {Record<string, string>} */ ({ "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\c": ":" });

/** @param {string} s */
function escape(s) {
  return s.replace(/[\\\n\r:]/g, (c) => escapes[c]);
}

/** @param {string} s */
function unescape(s) {
  return s.replace(/\\[^]?/g, (pair) => {
    const c = unescapes[pair];
    if (c === undefined) throw new FrameError(`undefined escape ${JSON.stringify(pair)} in a header`);
    return c;
  });
}

/**
 * Encodes one frame. CONNECT and CONNECTED are not escaped, as STOMP 1.2 says. A body gets its content-length.
 *
 * @param {string} command
 * @param {Record<string, string | number | undefined>} headers those that are undefined are left out
 * @param {string | Uint8Array} [body]
 * @returns {string | Uint8Array<ArrayBuffer>} text, or bytes when the body is bytes
 */
export function encode(command, headers, body) {
  const plain = command === "CONNECT" || command === "CONNECTED";
  let head = command + "\n";
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const v = String(value);
    if (plain && /[\n\r]/.test(v)) throw new FrameError(`${command} can't carry a line break in ${name}`);
    head += plain ? `${name}:${v}\n` : `${escape(name)}:${escape(v)}\n`;
  }
  if (body === undefined) return head + "\n\0";
  if (typeof body === "string") return `${head}content-length:${utf8.encode(body).length}\n\n${body}\0`;
  const h = utf8.encode(`${head}content-length:${body.length}\n\n`);
  const frame = new Uint8Array(h.length + body.length + 1);
  frame.set(h);
  frame.set(body, h.length);
  return frame;
}

/**
 * Turns a stream of bytes into frames. It does not matter how the stream is cut into WebSocket messages.
 */
export class Decoder {
  #buf = new Uint8Array(4096);
  #len = 0;
  /** Where to go on looking for the end of the head. */
  #scan = 0;
  /** @type {{command: string, headers: Map<string, string>, start: number, length: number} | undefined} */
  #head;
  #limits;

  /** @param {Partial<typeof limits>} [bounds] */
  constructor(bounds) {
    this.#limits = { ...limits, ...bounds };
  }

  /** Bytes of an unfinished frame. */
  get pending() {
    return this.#len;
  }

  /**
   * Takes what has arrived and returns the frames that it completes. Line ends between frames are heart-beats and
   * vanish.
   *
   * @param {string | ArrayBuffer | Uint8Array} data
   * @returns {Frame[]}
   * @throws {FrameError} after which the Decoder is of no use
   */
  push(data) {
    this.#append(typeof data === "string" ? utf8.encode(data) : data instanceof Uint8Array ? data : new Uint8Array(data));
    /** @type {Frame[]} */
    const frames = [];
    let at = 0; // the first byte that is in no frame yet
    for (;;) {
      if (!this.#head) {
        while (at < this.#len && (this.#buf[at] === LF || this.#buf[at] === CR)) at++;
        if (this.#scan < at) this.#scan = at;
        const end = this.#headEnd();
        if ((end < 0 ? this.#len : end) - at > this.#limits.headerBytes) throw new FrameError("head is too large");
        if (end < 0) break;
        this.#head = this.#parse(text.decode(this.#buf.subarray(at, end)));
      }
      const { command, headers, start, length } = this.#head;
      const stop = length >= 0 ? start + length : this.#buf.subarray(0, this.#len).indexOf(NUL, this.#scan);
      if ((stop < 0 ? this.#len : stop) - start > this.#limits.bodyBytes) throw new FrameError("body is too large");
      if (stop < 0) {
        this.#scan = this.#len;
        break;
      }
      if (stop >= this.#len) break;
      if (this.#buf[stop] !== NUL) throw new FrameError("no NUL after the body");
      frames.push({ command, headers, body: this.#buf.slice(start, stop) });
      this.#head = undefined;
      at = this.#scan = stop + 1;
    }
    this.#drop(at);
    return frames;
  }

  /** @param {Uint8Array} bytes */
  #append(bytes) {
    const need = this.#len + bytes.length;
    if (need > this.#buf.length) {
      const bigger = new Uint8Array(Math.max(need, this.#buf.length * 2));
      bigger.set(this.#buf.subarray(0, this.#len));
      this.#buf = bigger;
    }
    this.#buf.set(bytes, this.#len);
    this.#len = need;
  }

  /** @param {number} n bytes that are done with */
  #drop(n) {
    if (n === 0) return;
    this.#buf.copyWithin(0, n, this.#len);
    this.#len -= n;
    this.#scan = Math.max(0, this.#scan - n);
    if (this.#head) this.#head.start -= n;
    if (this.#len === 0 && this.#buf.length > 64 * 1024) this.#buf = new Uint8Array(4096);
  }

  /** The index behind the head's last line, or -1. Leaves #scan at the body's first byte. */
  #headEnd() {
    for (let i = this.#scan; i < this.#len; i++) {
      if (this.#buf[i] === NUL) throw new FrameError("NUL in a head");
      if (this.#buf[i] !== LF) continue;
      let next = i + 1;
      if (this.#buf[next] === CR && next < this.#len) next++;
      if (next >= this.#len) {
        this.#scan = i;
        return -1;
      }
      if (this.#buf[next] === LF) {
        this.#scan = next + 1;
        return i;
      }
    }
    this.#scan = this.#len;
    return -1;
  }

  /** @param {string} head without its last line end; the body begins at #scan */
  #parse(head) {
    const [first, ...lines] = head.split("\n").map((l) => (l.endsWith("\r") ? l.slice(0, -1) : l));
    if (!/^[A-Z]{1,16}$/.test(first)) throw new FrameError("no such command");
    if (lines.length > this.#limits.fields) throw new FrameError("too many headers");
    const plain = first === "CONNECT" || first === "CONNECTED";
    /** @type {Map<string, string>} */
    const headers = new Map();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon < 1) throw new FrameError("header without a name or a colon");
      let name = line.slice(0, colon), value = line.slice(colon + 1);
      if (!plain) {
        name = unescape(name);
        value = unescape(value);
      }
      if (!headers.has(name)) headers.set(name, value);
    }
    const given = headers.get("content-length");
    if (given !== undefined && !/^\d{1,10}$/.test(given)) throw new FrameError("bad content-length");
    return { command: first, headers, start: this.#scan, length: given === undefined ? -1 : Number(given) };
  }
}
