/**
 * @typedef {object} Message
 * @property {string} type
 * @property {any} body parsed JSON; a string for other text; else the bytes. undefined if it says JSON and is none
 * @property {Uint8Array} bytes the body as it came
 * @property {string} from id of the player whose message caused it; "" for timers, ticks and the system
 * @property {number} time ms since 1970
 * @property {number} request seq of our message that it answers; 0: none
 * @property {string} code of a refusal (type "error")
 * @property {string} id its place in the room's line, `<epoch>-<n>`, or `lobby-<n>` outside of rooms; "": it has none
 */

const decoder = new TextDecoder();

/**
 * Makes a MESSAGE frame a {@link Message}.
 *
 * @param {import("./stomp.js").Frame} frame
 * @returns {Message}
 */
export function read({ headers, body: bytes }) {
  const contentType = headers.get("content-type") ?? "application/json";
  /** @type {any} */
  let body = bytes;
  if (/^application\/([\w.+-]+\+)?json\b/.test(contentType)) {
    try {
      body = JSON.parse(decoder.decode(bytes));
    } catch {
      body = undefined;
    }
  } else if (contentType.startsWith("text/")) {
    body = decoder.decode(bytes);
  }
  return {
    type: headers.get("type") ?? "",
    body,
    bytes,
    from: headers.get("from") ?? "",
    time: Number(headers.get("timestamp")) || Date.now(),
    request: Number(headers.get("request")) || 0,
    code: headers.get("code") ?? "",
    id: headers.get("message-id") ?? "",
  };
}
