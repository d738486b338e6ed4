/** @typedef {{user: string, name: string, state: "friends" | "asked" | "asking" | "blocked", presence?: {online: boolean, game?: string}}} Friend */
/** @typedef {{id: string, code: string, size: number, leader: string, members: {user: string, name: string}[]}} Party */
/** @typedef {{user: string, name: string, last?: {n: number, from: string, text: string}, unread: number}} Talk */

const PAGE = 100;

/**
 * Who we know, with whom we write, and our party; kept fresh by what the inbox says. Emits `change`; `message` with the body of a
 * `$message`, `invited` with that of a `$invite`.
 */
export class Social extends EventTarget {
  #client;
  /** @type {Friend[]} */
  friends = [];
  /** @type {Talk[]} */
  talks = [];
  /** @type {Party | null} */
  party = null;
  /** @type {{party: string, name: string}[]} */
  invitations = [];
  #asking = false;
  #again = false;

  /** @param {import("../madang.js").Client} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /** Listens from now on. */
  listen() {
    this.friends = this.talks = this.invitations = [];
    this.party = null;
    const inbox = this.#client.inbox();
    for (const type of ["$friend", "$party", ":live"]) inbox.on(type, () => this.look());
    inbox.on("$presence", (m) => {
      const friend = this.friends.find((f) => f.user === m.body?.user);
      if (!friend) return;
      friend.presence = m.body;
      this.dispatchEvent(new Event("change"));
    });
    inbox.on("$message", (m) => {
      this.dispatchEvent(new CustomEvent("message", { detail: m.body }));
      this.look();
    });
    inbox.on("$invite", (m) => this.dispatchEvent(new CustomEvent("invited", { detail: m.body })));
  }

  /** How much waits for us: requests, unread messages, invitations to parties. */
  get waiting() {
    return this.friends.filter((f) => f.state === "asking").length + this.talks.reduce((n, t) => n + t.unread, 0) + this.invitations.length;
  }

  /** @param {string} user */
  nameOf(user) {
    return this.friends.find((f) => f.user === user)?.name ?? this.talks.find((t) => t.user === user)?.name ?? "";
  }

  /** Asks how everything stands. Calls meanwhile are one more, afterwards. */
  async look() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        const [{ friends }, { talks }, own] = await Promise.all([
          this.#client.request("GET", `/v1/user/friends?limit=${PAGE}`), this.#client.request("GET", "/v1/user/messages?limit=50"),
          this.#client.request("GET", "/v1/user/party")]);
        this.friends = friends;
        this.talks = talks;
        this.party = own.party;
        this.invitations = own.invitations;
      } while (this.#again);
      this.dispatchEvent(new Event("change"));
    } catch {
      // the next word from the inbox asks again
    } finally {
      this.#asking = false;
    }
  }
}
