import { Client } from "../static/madang.js";
import { Decoder, encode } from "../static/madang/stomp.js";

/** Lets promises go on. */
export const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  /** Every socket made, oldest first. @type {FakeSocket[]} */
  static all = [];
  static get last() {
    return FakeSocket.all.at(-1);
  }
  readyState = 0;
  /** What the client has sent, as frames with plain headers; heart-beats are counted. */
  sent = [];
  beats = 0;
  #decoder = new Decoder();

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(data) {
    if (data === "\n") this.beats++;
    for (const f of this.#decoder.push(data)) {
      this.sent.push({ command: f.command, ...Object.fromEntries(f.headers), body: new TextDecoder().decode(f.body) });
    }
  }

  close() {
    this.readyState = 3;
  }

  /** The test's end: accepts, and signs the client in. */
  accept(headers = { version: "1.2", "heart-beat": "25000,25000" }) {
    this.readyState = 1;
    this.onopen?.();
    this.give("CONNECTED", headers);
    return this;
  }

  give(command, headers = {}, body) {
    this.onmessage?.({ data: encode(command, headers, body) });
  }

  /** A MESSAGE of room r. */
  message(id, type, body = {}, headers = {}) {
    this.give("MESSAGE", { subscription: "r", "message-id": id, type, "content-type": "application/json", ...headers }, JSON.stringify(body));
  }

  receipt(frame) {
    this.give("RECEIPT", { "receipt-id": frame.receipt });
  }

  error(code, headers = {}) {
    this.give("ERROR", { code, message: code, ...headers });
    this.drop();
  }

  drop() {
    this.readyState = 3;
    this.onclose?.();
  }

  of(command) {
    return this.sent.filter((f) => f.command === command);
  }
}

/** A store like sessionStorage. */
export function store() {
  const map = new Map();
  return { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => void map.set(k, v), removeItem: (k) => void map.delete(k) };
}

/**
 * A client whose lobby is the test: answers is called with method, path and body and returns [status, answer].
 */
export function client(answers = () => undefined, kept = store()) {
  FakeSocket.all = [];
  const calls = [];
  const place = { room: { id: "r", game: "g" }, seat: {}, stomp: { url: "ws://h/stomp", topic: "/topic/room.r", queue: "/queue/room.r" } };
  const user = { id: "me", name: "Mina", gold: 0 };
  const fetch = async (url, { method, headers, body }) => {
    const call = { method, path: new URL(url).pathname, query: new URL(url).search, token: headers.authorization, body: body && JSON.parse(body) };
    calls.push(call);
    const [status, answer] = answers(call) ?? (call.path === "/v1/login" ? [200, { user, token: `t${calls.length}` }]
      : call.path === "/v1/user" ? [200, { user, rooms: [place] }] : call.path.endsWith("/leave") ? [204] : [200, place]);
    return new Response(answer === undefined ? null : typeof answer === "string" ? answer : JSON.stringify(answer), { status });
  };
  return { client: new Client({ url: "http://h", store: kept, WebSocket: FakeSocket, fetch }), calls, kept };
}

/** A client that sits in room r on a live connection and has its first snapshot. */
export async function seated(handled = 0) {
  const made = client();
  await made.client.signIn();
  const room = await made.client.join("r");
  const socket = FakeSocket.last.accept();
  socket.receipt(socket.of("SUBSCRIBE")[0]);
  socket.message("5-10", "$snapshot", {}, handled ? { handled } : {});
  return { ...made, room, socket };
}
