import { People } from "./people.js";

/** @typedef {"black" | "white"} Color */
/** @typedef {{winner: Color | "draw", black: number, white: number, reason: string}} Over */

export const squares = [...Array(64).keys()].map((i) => "abcdefgh"[i % 8] + (Math.floor(i / 8) + 1));

/** @param {Color} color @returns {Color} */
export const other = (color) => (color === "black" ? "white" : "black");

/**
 * One game of Othello as its room tells it; the server knows the rules. Emits `change` after each change, and `said`
 * with a sentence as `detail` for what should be announced.
 */
export class OthelloGame extends EventTarget {
  board = ".".repeat(64);
  /** @type {Color | null} */
  next = null;
  /** @type {string[]} */
  moves = [];
  /** @type {Record<Color, string>} user ids, "" for nobody */
  seats = { black: "", white: "" };
  /** @type {Over | null} */
  over = null;
  /** The last square played, and the discs it turned. */
  last = { at: "", flipped: /** @type {string[]} */ ([]) };
  /** Our move that the room has not answered. */
  waiting = "";
  /** When the time of the side to move is over, by our clock (ms since 1970); 0: nobody's time runs. */
  deadline = 0;
  /** How far our clock is ahead of the server's, at most. */
  #ahead = Infinity;
  /** Whether the room has told us anything yet. */
  known = false;
  #me;

  /**
   * @param {import("../madang.js").Room} room
   * @param {{id: string, name: string}} me
   */
  constructor(room, me) {
    super();
    this.room = room;
    this.#me = me;
    this.people = new People(room, me, (person, did) => {
      if (person && person.id !== me.id && did) this.#say(`${person.name} ${{
        joined: "sat down", left: "left", suspended: "lost the connection", resumed: "is back" }[did]}.`);
      this.#changed();
    });
    room.on("$snapshot", (m) => {
      this.#clock(m);
      this.#snapshot(m.body ?? {});
    });
    room.on("started", (m) => {
      this.#clock(m);
      this.#seat(m.body ?? {});
      this.known = true;
      this.#say(this.myColor ? `The game begins. You play ${this.myColor}.` : "The game begins.");
      // started brings no board: the opening position is the same in every game
      if (!/[bw]/.test(this.board)) this.board = ".".repeat(27) + "wb......bw" + ".".repeat(27);
      this.next ??= "black";
      if (m.body?.moves) this.moves = m.body.moves;
      else if (this.next === "black" && !this.moves.length) this.moves = ["d3", "c4", "f5", "e6"];
      this.#changed();
    });
    room.on("placed", (m) => {
      this.#clock(m);
      this.#placed(m.body ?? {});
    });
    room.on("passed", (m) => {
      this.#clock(m);
      this.next = m.body?.next ?? null;
      this.moves = m.body?.moves ?? [];
      this.#say(`${this.#who(m.body?.color)} no move and ${m.body?.color === this.myColor ? "pass" : "passes"}.`);
      this.#changed();
    });
    room.on("over", (m) => {
      this.over = m.body ?? null;
      this.deadline = 0;
      this.next = null;
      this.moves = [];
      this.waiting = "";
      this.#changed();
    });
    room.on("error", (m) => {
      this.waiting = "";
      this.dispatchEvent(new CustomEvent("refused", { detail: m.code }));
      this.#changed();
    });
    room.on(":ended", () => {
      this.waiting = "";
      this.#changed();
    });
  }

  /** Our colour; null while we don't play. @returns {Color | null} */
  get myColor() {
    return this.seats.black === this.#me.id ? "black" : this.seats.white === this.#me.id ? "white" : null;
  }

  /** Both have sat down and it is not over. */
  get playing() {
    return this.known && this.over === null && !this.room.ended && this.seats.black !== "" && this.seats.white !== "";
  }

  get myTurn() {
    return this.playing && this.next !== null && this.next === this.myColor;
  }

  /** @param {string} at @returns {boolean} whether we may play there now */
  legal(at) {
    return this.myTurn && this.waiting === "" && this.moves.includes(at);
  }

  /** @param {Color} color */
  count(color) {
    return [...this.board].filter((c) => c === color[0]).length;
  }

  /** @param {Color} color */
  nameOf(color) {
    return this.seats[color] ? this.people.name(this.seats[color]) : "";
  }

  /**
   * Plays a square. What is not legal as far as we know is not sent.
   *
   * @param {string} at
   */
  async put(at) {
    if (!this.legal(at)) return;
    this.waiting = at;
    this.#changed();
    try {
      await this.room.send("put", { at });
    } catch (err) {
      this.waiting = "";
      this.#changed();
      if (!this.over) throw err; // the last move may close the room before its receipt comes
    }
  }

  /** Gives the game to the other player. */
  async resign() {
    try {
      await this.room.send("exit");
    } catch (err) {
      if (!this.over) throw err;
    }
  }

  /**
   * Takes the time to think from a message. Messages that were missed come late, so their own time counts.
   *
   * @param {import("../madang.js").Message} m
   */
  #clock(m) {
    this.#ahead = Math.min(this.#ahead, Date.now() - m.time);
    const left = Number(m.body?.turn_ms) || 0;
    this.deadline = left > 0 ? m.time + this.#ahead + left : 0;
  }

  /** Whole seconds that the side to move has left; null when nobody's time runs. */
  get secondsLeft() {
    if (!this.playing || this.deadline === 0) return null;
    return Math.max(0, Math.ceil((this.deadline - Date.now()) / 1000));
  }

  /** @param {any} body */
  #snapshot(body) {
    this.known = true;
    this.board = typeof body.board === "string" && /^[.bw]{64}$/.test(body.board) ? body.board : this.board;
    this.next = body.next ?? null;
    this.moves = body.moves ?? [];
    this.over = body.over ?? null;
    this.last = { at: "", flipped: [] };
    this.waiting = "";
    this.#seat(body);
    this.#changed();
  }

  /** @param {any} body */
  #placed(body) {
    this.board = typeof body.board === "string" && /^[.bw]{64}$/.test(body.board) ? body.board : this.board;
    this.next = body.next ?? null;
    this.moves = body.moves ?? [];
    this.last = { at: body.at ?? "", flipped: body.flipped ?? [] };
    if (body.color === this.myColor) this.waiting = "";
    const turned = this.last.flipped.length;
    this.#say(`${body.color === this.myColor ? "You" : this.nameOf(body.color) || body.color} played ${body.at} and turned ${turned} ${turned === 1 ? "disc" : "discs"}.` +
      (this.myTurn ? " Your turn." : ""));
    this.#changed();
  }

  /** @param {any} body */
  #seat(body) {
    this.seats = { black: this.people.learn(body.black), white: this.people.learn(body.white) };
  }

  /** @param {Color} color */
  #who(color) {
    return color === this.myColor ? "You have" : `${this.nameOf(color) || color} has`;
  }

  /** @param {string} sentence */
  #say(sentence) {
    this.dispatchEvent(new CustomEvent("said", { detail: sentence }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
