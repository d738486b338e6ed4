/**
 * The JavaScript client of Madang game servers, for browsers and Node >= 20. No build step, no dependencies: import this
 * file from your server, or copy it together with the folder madang/.
 *
 *     import { Client } from "/madang.js";
 *     const client = new Client();
 *     await client.signIn({ name: "Mina" });
 *     const room = await client.random("othello");
 *     room.on("placed", (m) => console.log(m.from, m.body.at));
 *     await room.send("put", { at: "d3" });
 *
 * It reconnects by itself, resends what the server has not receipted, and catches up on what was missed.
 */
import { Inbox } from "./madang/inbox.js";
import { Link } from "./madang/link.js";
import { Problem } from "./madang/problem.js";
import { Room } from "./madang/room.js";

export { Inbox, Problem, Room };

/** @typedef {import("./madang/link.js").State} State */
/** @typedef {import("./madang/room.js").Message} Message */
/** @typedef {import("./madang/room.js").RoomInfo} RoomInfo */
/** @typedef {import("./madang/room.js").Stomp} Stomp */
/** @typedef {{id: string, name: string, guest: boolean, level: number, exp: number, win: number, lose: number, draw: number, gold: number}} User */
/** @typedef {{name: string, capacity?: number}} Game */
/** @typedef {{platform: string, token: string, nonce?: string}} Credentials */
/** @typedef {{secret: string, token: string, expires: number, user: User | null, gateway: string}} Saved */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store */

const KEY = "madang";
const REST_MS = 15_000;
const REFRESH_MS = 15 * 24 * 3600_000; // a session with less left is refreshed
const finalForRoom = new Set(["not_seated", "room_not_found", "room_closed"]);
const temporary = new Set(["draining", "slow_reader", "unavailable", "room_unavailable", "internal", "rate_limited", "queue_full", "maintenance"]);

/**
 * A player on a server. Emits `state` events with a {@link State} as `detail` whenever the connection's state changes.
 */
export class Client extends EventTarget {
  #base;
  #fetch;
  #store;
  /** @type {Saved} */
  #saved;
  #link;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {Inbox | undefined} */
  #inbox;
  /** @type {Promise<User> | undefined} */
  #signingIn;
  #void = new AbortController();

  /**
   * @param {object} [options]
   * @param {string | URL} [options.url] the server; default: where the page comes from
   * @param {Store} [options.store] keeps who we are. Default sessionStorage, so that each tab is a player of its own, or
   *   memory where there is none
   * @param {typeof WebSocket} [options.WebSocket] for Node below 22
   * @param {typeof fetch} [options.fetch]
   */
  constructor({ url, store, WebSocket: Socket, fetch: fetcher } = {}) {
    super();
    this.#base = new URL(url ?? globalThis.location?.origin ?? "http://localhost:8080");
    this.#fetch = fetcher ?? globalThis.fetch.bind(globalThis);
    this.#store = store ?? globalThis.sessionStorage ?? memory();
    this.#saved = restore(this.#store);
    this.#link = new Link({
      token: () => this.#saved.token,
      state: (state) => this.#turned(state),
      live: () => {
        this.#rooms.forEach((room) => room.attach());
        this.#inbox?.attach();
      },
      frame: (frame) => this.#take(frame),
    }, Socket);
    const { signal } = this.#void;
    globalThis.addEventListener?.("online", () => this.#link.wake(), { signal });
    globalThis.addEventListener?.("offline", () => this.#link.offline(), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#link.wake();
    }, { signal });
  }

  /** Who we are, as last heard; null before the first sign-in. */
  get user() {
    return this.#saved.user;
  }

  /** Whether a sign-in is remembered. The server may have ended it meanwhile. */
  get signedIn() {
    return this.#saved.token !== "";
  }

  /** @returns {State} */
  get state() {
    return this.#link.state;
  }

  /** The rooms that are open in this client. */
  get openRooms() {
    return [...this.#rooms.values()];
  }

  /**
   * addEventListener with the event's detail as the argument.
   *
   * @param {"state"} type
   * @param {(state: State) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(type, listener) {
    /** @param {Event} e */
    const call = (e) => listener(/** @type {CustomEvent} */ (e).detail);
    this.addEventListener(type, call);
    return () => this.removeEventListener(type, call);
  }

  /**
   * Signs in: with the session that is remembered; if the server has ended it, as the same guest again; else as a new
   * guest. Calls at the same time share one sign-in.
   *
   * @param {{name?: string}} [wish] a new guest's name; without one the server makes one up
   * @returns {Promise<User>} rejects with a {@link Problem}, `name_taken` or `invalid_name` for instance
   */
  signIn({ name } = {}) {
    this.#signingIn ??= this.#signIn(name).finally(() => (this.#signingIn = undefined));
    return this.#signingIn;
  }

  /**
   * Signs in to the account that a platform vouches for, in place of who we were.
   *
   * @param {Credentials} credentials `{platform: "password", token: "<login name>:<password>"}` for instance
   * @returns {Promise<User>} rejects with a {@link Problem}, `user_not_registered` or `wrong_token` for instance
   */
  async signInWith(credentials) {
    return this.#arrive(await this.request("POST", "/v1/login", credentials));
  }

  /**
   * Makes an account for a player of a platform, and signs in to it.
   *
   * @param {Credentials} credentials
   * @param {string} [name] without one the server makes one up
   * @returns {Promise<User>} rejects with a {@link Problem}, `already_registered` or `name_taken` for instance
   */
  async register(credentials, name) {
    return this.#arrive(await this.request("POST", "/v1/register", { ...credentials, name: name || undefined }));
  }

  /**
   * Gives the account one more way to sign in. A guest becomes a full account, and keeps everything.
   *
   * @param {Credentials} credentials
   * @returns {Promise<string[]>} the platforms by which one can sign in now
   */
  async link(credentials) {
    const answer = await this.request("POST", "/v1/user/identities", credentials);
    return answer.identities.map((/** @type {{platform: string}} */ i) => i.platform);
  }

  /**
   * Changes what is given of the profile.
   *
   * @param {{name?: string, about?: string, picture?: number}} profile
   * @returns {Promise<User>} rejects with a {@link Problem}, `name_taken` or `invalid_name` for instance
   */
  async change(profile) {
    const answer = await this.request("PATCH", "/v1/user", profile);
    this.#save({ user: answer.user });
    return answer.user;
  }

  /** Ends the session everywhere, and forgets who we are. */
  async signOut() {
    try {
      if (this.signedIn) await this.request("POST", "/v1/logout");
    } finally {
      this.#part();
      this.#store.removeItem(KEY);
      this.#saved = restore(this.#store);
    }
  }

  /** Asks the server who we are and where we sit.
   * @returns {Promise<{user: User, rooms: RoomInfo[]}>} */
  async me() {
    const answer = await this.request("GET", "/v1/user");
    this.#save({ user: answer.user });
    /** @type {(RoomInfo | {room: RoomInfo})[]} */
    const rooms = answer.rooms ?? [];
    return { user: answer.user, rooms: rooms.map((r) => ("room" in r ? r.room : r)) };
  }

  /** @returns {Promise<Game[]>} what this server plays */
  async games() {
    const answer = await this.request("GET", "/v1/games");
    return answer.games ?? answer;
  }

  /**
   * @param {{game?: string, state?: "open" | "playing" | "closed", version?: string, free?: boolean,
   *   label?: Record<string, string | number>, cursor?: string, limit?: number}} [filter] labels of numbers also by ranges: "3..7"
   * @returns {Promise<{rooms: RoomInfo[], next: string}>} one page, which may be short; next is "" at the end
   */
  async rooms({ label = {}, ...filter } = {}) {
    const query = new URLSearchParams();
    for (const [k, v] of Object.entries(filter)) if (v !== undefined && v !== "") query.set(k, String(v));
    for (const [k, v] of Object.entries(label)) query.set(`label[${k}]`, String(v));
    const answer = await this.request("GET", `/v1/rooms?${query}`);
    return { rooms: answer.rooms ?? [], next: answer.next ?? "" };
  }

  /**
   * Makes a room and takes a seat in it.
   *
   * @param {string} game
   * @param {object} [options] the game's own
   * @param {{private?: boolean}} [how] a private room is not listed: others come in by its `code`, or by {@link Room#invite}
   */
  async create(game, options, { private: hidden } = {}) {
    return this.#enter(await this.request("POST", "/v1/rooms", { game, options, private: hidden }));
  }

  /**
   * Takes a seat in the private room that has this code, however it is written.
   *
   * @param {string} code
   * @returns {Promise<Room>} rejects with a {@link Problem}, `code_not_found` or `rate_limited` for instance
   */
  async joinByCode(code) {
    return this.#enter(await this.request("POST", "/v1/rooms/join", { code }));
  }

  /**
   * Watches a room: we see what all see, and may not send. join() makes a player of us.
   *
   * @param {string} id
   */
  async watch(id) {
    return this.#rooms.get(id) ?? this.#enter(await this.#ask(id, "POST", "/watch"));
  }

  /**
   * Gives up the seat in another room for one in this, both or neither.
   *
   * @param {string} id
   * @param {string} [from] the room that is left; it may be left out where we sit in one only
   */
  async move(id, from) {
    return this.#enter(await this.#ask(id, "POST", "/move", { from }));
  }

  /**
   * Takes a seat in some open room of the game; where there is none, in a new one.
   *
   * @param {string} game
   */
  async random(game) {
    return this.#enter(await this.request("POST", "/v1/rooms/random", { game }));
  }

  /**
   * Takes a seat in this room, or goes back to the one we have. A room that is open in this client is given again.
   *
   * @param {string} id
   */
  async join(id) {
    const open = this.#rooms.get(id);
    return open && !open.spectator ? open : this.#enter(await this.#ask(id, "POST", "/join"));
  }

  /**
   * Opens a room in which we have a seat, from what the lobby says of it: a match that was found, for instance.
   *
   * @param {{room: RoomInfo, stomp: Stomp}} place
   */
  open(place) {
    return this.#enter(place);
  }

  /**
   * What we are told outside of rooms: from now on, and after a loss from where we were. The same one each time, until signOut().
   *
   * @returns {Inbox}
   */
  inbox() {
    if (this.#inbox) return this.#inbox;
    this.#inbox = new Inbox({ send: (command, headers) => this.#link.send(command, headers) });
    const live = this.state.name === "live";
    this.connect();
    if (live && this.state.name === "live") this.#inbox.attach();
    return this.#inbox;
  }

  /** Connects, unless that is under way or done. Joining does it too. After the end (`session_replaced`) it starts anew. */
  connect() {
    this.#link.start(this.#saved.gateway || new URL("/stomp", this.#base).href.replace(/^http/, "ws"));
  }

  /** Closes the connection; rooms stay and catch up after the next connect(). */
  disconnect() {
    this.#link.stop();
  }

  /** Closes the connection and lets go of everything: the client is of no use afterwards. */
  close() {
    this.disconnect();
    this.#void.abort();
  }

  /**
   * Calls the lobby, signed in: for a game's own routes too.
   *
   * @param {string} method
   * @param {string} path from the root, for instance /v1/user/items
   * @param {unknown} [body] sent as JSON
   * @returns {Promise<any>} the answer's JSON; undefined when there is none. Rejects with a {@link Problem}
   */
  async request(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json, application/problem+json" };
    if (this.#saved.token) headers.authorization = `Bearer ${this.#saved.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    let response, text;
    try {
      response = await this.#fetch(new URL(path, this.#base), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(REST_MS),
      });
      text = await response.text();
    } catch (err) {
      throw new Problem(0, "network", err instanceof Error ? err.message : String(err));
    }
    /** @type {any} */
    let answer;
    try {
      answer = text === "" ? undefined : JSON.parse(text);
    } catch {
      if (response.ok) throw new Problem(response.status, "bad_answer", "the answer is no JSON");
    }
    if (!response.ok) throw new Problem(response.status, answer?.code ?? `http_${response.status}`, answer?.detail ?? answer?.title);
    return answer;
  }

  /** @param {string} [name] */
  async #signIn(name) {
    if (this.signedIn) {
      try {
        await this.#refresh();
        return (await this.me()).user;
      } catch (err) {
        if (!(err instanceof Problem) || err.status !== 401) throw err;
        this.#save({ token: "" });
      }
    }
    const secret = this.#saved.secret || randomHex(32);
    const answer = await this.request("POST", "/v1/login", { platform: "guest", token: secret, name: name || this.user?.name || undefined });
    return this.#arrive(answer, secret);
  }

  /**
   * @param {any} answer to a sign-in
   * @param {string} [secret] the guest's
   * @returns {User}
   */
  #arrive(answer, secret = "") {
    if (this.user?.id !== answer.user.id) this.#part();
    this.#save({ secret, token: answer.token, expires: Date.parse(answer.expires_at) || 0, user: answer.user, gateway: answer.stomp?.url ?? "" });
    return answer.user;
  }

  /** Closes what is the player's own: the next one is another. */
  #part() {
    this.disconnect();
    for (const room of this.#rooms.values()) room.finish("signed_out");
    this.#inbox = undefined;
  }

  /** Asks for a new token when the one we have is old. */
  async #refresh() {
    const { expires } = this.#saved;
    if (!expires || expires - Date.now() > REFRESH_MS) return;
    const answer = await this.request("POST", "/v1/session/refresh");
    this.#save({ token: answer.token, expires: Date.parse(answer.expires_at) || 0 });
  }

  /**
   * Calls the lobby about a room.
   *
   * @param {string} id
   * @param {string} method
   * @param {string} call
   * @param {object} [body]
   */
  #ask(id, method, call, body) {
    return this.request(method, `/v1/rooms/${encodeURIComponent(id)}${call}`, body);
  }

  /** @param {{room: RoomInfo, stomp: Stomp, seat?: {spectator?: boolean}, code?: string}} answer */
  #enter({ room: info, stomp, seat, code }) {
    const room = this.#rooms.get(info.id) ?? this.#open(info, stomp);
    room.info = info;
    room.code = code ?? "";
    room.spectator = seat?.spectator ?? false;
    return room;
  }

  /** @param {RoomInfo} info @param {Stomp} stomp */
  #open(info, stomp) {
    const room = new Room(info, stomp, {
      me: this.user?.id ?? "",
      send: (command, headers, body) => this.#link.send(command, headers, body),
      leave: () => this.#ask(info.id, "POST", "/leave"),
      ask: (method, call, body) => this.#ask(info.id, method, call, body),
      gone: () => this.#rooms.delete(info.id),
    });
    this.#rooms.set(info.id, room);
    if (stomp.url !== this.#saved.gateway) this.#save({ gateway: stomp.url });
    const live = this.state.name === "live";
    this.connect();
    if (live && this.state.name === "live") room.attach();
    return room;
  }

  /** @param {State} state */
  #turned(state) {
    for (const room of this.#rooms.values()) {
      if (state.name === "ended") room.reset(new Problem(0, state.code, "the connection has ended"));
      else if (state.name !== "live") room.detach();
    }
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  /** @param {import("./madang/stomp.js").Frame} frame */
  #take(frame) {
    const { command, headers } = frame;
    if (command === "MESSAGE") {
      const subscription = headers.get("subscription") ?? "";
      // An announcement comes by whichever subscription is there first.
      return subscription === Inbox.id || this.#inbox && headers.get("type") === "$notice" ? this.#inbox?.take(frame) : this.#rooms.get(subscription)?.take(frame);
    }
    if (command === "RECEIPT" && headers.get("receipt-id") === `inbox ${Inbox.id}`) return this.#inbox?.receipted(frame);
    const [, kind, seq, id] = /^(sub|seq (\d+)) (.+)$/.exec(headers.get("receipt-id") ?? "") ?? [];
    const room = this.#rooms.get(id);
    if (!room) return;
    if (command === "RECEIPT") return room.receipted(kind === "sub" ? "live" : seq);
    if (command !== "ERROR") return;
    const code = headers.get("code") ?? "error";
    if (finalForRoom.has(code)) room.finish(code, headers.get("message"));
    else if (seq && !temporary.has(code)) room.refused(Number(seq), new Problem(0, code, headers.get("message"), Number(seq)));
  }

  /** @param {Partial<Saved>} change */
  #save(change) {
    Object.assign(this.#saved, change);
    this.#store.setItem(KEY, JSON.stringify(this.#saved));
  }
}

/** @param {Store} store @returns {Saved} */
function restore(store) {
  try {
    const { secret, token, expires, user, gateway } = JSON.parse(store.getItem(KEY) ?? "{}");
    return { secret: String(secret ?? ""), token: String(token ?? ""), expires: Number(expires) || 0, user: user ?? null, gateway: String(gateway ?? "") };
  } catch {
    return { secret: "", token: "", expires: 0, user: null, gateway: "" };
  }
}

/** @returns {Store} */
function memory() {
  /** @type {Map<string, string>} */
  const map = new Map();
  return {
    getItem: (k) => map.get(k) ?? null,
    setItem: (k, v) => void map.set(k, v),
    removeItem: (k) => void map.delete(k),
  };
}

/** @param {number} bytes */
function randomHex(bytes) {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
