import { People } from "./people.js";

/**
 * One line of a conversation. state: `pending` until the server has it, `failed` when it never will; news lines tell
 * who came and went.
 *
 * @typedef {{key: string, from: string, text: string, time: number, state: "said" | "pending" | "failed" | "news"}} Line
 */

const MOST_LINES = 500;
const MOST_TEXT = 2000; // characters of a line

/** A conversation in a relay room: its lines and people. Emits `change` after each change. */
export class Chat extends EventTarget {
  /** @type {Line[]} */
  lines = [];
  #me;
  #keys = 0;
  #mark = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);

  /**
   * @param {import("../madang.js").Room} room
   * @param {{id: string, name: string}} me
   */
  constructor(room, me) {
    super();
    this.room = room;
    this.#me = me;
    this.people = new People(room, me, (person, did) => {
      if (person && did) this.#add({ key: "", from: person.id, time: Date.now(), state: "news",
        text: { joined: "came in", left: "left", suspended: "lost the connection", resumed: "is back" }[did] });
      this.#changed();
    });
    room.on("say", (m) => {
      if (typeof m.body?.text !== "string") return;
      const key = m.from === me.id && typeof m.body.key === "string" ? m.body.key : "";
      const mine = this.lines.findIndex((l) => key !== "" && l.key === key);
      if (mine >= 0) this.lines.splice(mine, 1); // it gets the place that the room has given it
      this.#add({ key, from: m.from, text: m.body.text.slice(0, MOST_TEXT), time: m.time, state: "said" });
      this.#changed();
    });
    room.on(":ended", () => this.#changed());
  }

  /**
   * Says something; it is shown at once, as pending.
   *
   * @param {string} text
   */
  async say(text) {
    const line = /** @type {Line} */ ({
      key: `${this.#mark}${++this.#keys}`, from: this.#me.id, text: text.slice(0, MOST_TEXT), time: Date.now(), state: "pending",
    });
    this.#add(line);
    this.#changed();
    try {
      await this.room.send("say", { text: line.text, key: line.key });
      line.state = "said";
    } catch (err) {
      line.state = "failed";
      throw err;
    } finally {
      this.#changed();
    }
  }

  /** @param {Line} line */
  #add(line) {
    this.lines.push(line);
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
