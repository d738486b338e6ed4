import { Problem } from "../madang.js";

/** @typedef {import("../madang.js").RoomInfo} RoomInfo */
/** @typedef {import("../madang.js").Stomp} Stomp */
/**
 * @typedef {{id: string, game: string, state: "waiting" | "found" | "placed" | "declined" | "cancelled" | "expired", reason?: string,
 *   since: string, accept_by?: string, room?: RoomInfo, stomp?: Stomp}} Ticket
 */

/**
 * Our search for a match: over any number of pages and connections, until it is found or over. Emits `change`, and once `placed`
 * or `over` with the {@link Ticket}.
 */
export class Search extends EventTarget {
  #client;
  /** @type {Ticket | null} */
  ticket = null;

  /** @param {import("../madang.js").Client} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /** Listens from now on, and goes on with a search that a page before this one has begun. */
  listen() {
    const inbox = this.#client.inbox();
    this.ticket = null; // it may have been another player's
    inbox.on("$match", (/** @type {{body: Ticket}} */ m) => this.#take(m.body));
    inbox.on(":live", () => this.#catchUp());
  }

  /**
   * @param {string} game
   * @param {string} [party] that we lead
   */
  async start(game, party) {
    this.#take(await this.#client.request("POST", "/v1/match/tickets", { game, party }), true);
    await this.#catchUp(); // a match may be faster than that answer, or than our inbox
  }

  /** Says yes or no to a match that was found. @param {boolean} yes */
  async answer(yes) {
    if (this.ticket) this.#take(await this.#client.request("POST", `/v1/match/tickets/${this.ticket.id}/${yes ? "accept" : "decline"}`));
  }

  async cancel() {
    const { ticket } = this;
    if (!ticket) return;
    try {
      await this.#client.request("DELETE", `/v1/match/tickets/${ticket.id}`);
      this.#take({ ...ticket, state: "cancelled" });
    } catch (err) {
      if (!(err instanceof Problem) || err.code !== "ticket_over") throw err;
      await this.#catchUp(); // it was found just now
    }
  }

  /** Seconds that we have waited. */
  get seconds() {
    return this.ticket ? Math.max(0, Math.floor((Date.now() - Date.parse(this.ticket.since)) / 1000)) : 0;
  }

  async #catchUp() {
    try {
      const { tickets } = await this.#client.request("GET", "/v1/match/tickets");
      const newest = tickets[0];
      const open = newest && (newest.state === "waiting" || newest.state === "found");
      if (open || newest?.id === this.ticket?.id) this.#take(newest, true);
    } catch {
      // the next :live asks again
    }
  }

  /**
   * @param {Ticket | undefined} ticket
   * @param {boolean} [begins] it may be another one than ours
   */
  #take(ticket, begins = false) {
    if (!ticket || (!begins && ticket.id !== this.ticket?.id)) return;
    const open = ticket.state === "waiting" || ticket.state === "found";
    const was = this.ticket;
    this.ticket = open ? ticket : null;
    this.dispatchEvent(new Event("change"));
    if (!open && was) this.dispatchEvent(new CustomEvent(ticket.state === "placed" ? "placed" : "over", { detail: ticket }));
  }
}
