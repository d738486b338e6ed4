import { stranger } from "./texts.js";

/** @typedef {{id: string, name: string, here: boolean}} Person */

/**
 * Who is in a room, as its messages tell. Calls changed after each change, with what a person did if it is news.
 */
export class People {
  /** @type {Map<string, Person>} */
  #all = new Map();
  /** Names outlive their people: what they said is still to be read. @type {Map<string, string>} */
  #names = new Map();
  #me;

  /**
   * @param {import("../madang.js").Room} room
   * @param {{id: string, name: string}} me
   * @param {(person: Person | null, did: "" | "joined" | "left" | "suspended" | "resumed") => void} changed
   */
  constructor(room, me, changed) {
    this.#me = me;
    this.learn(me);
    room.on("$snapshot", (m) => {
      const list = m.body?.members ?? m.body?.players;
      if (Array.isArray(list)) {
        this.#all.clear();
        for (const entry of list) this.#add(entry);
        changed(null, "");
      }
    });
    for (const did of /** @type {const} */ (["joined", "left", "suspended", "resumed"])) {
      room.on(`$${did}`, (m) => {
        const id = m.body?.user;
        if (typeof id !== "string") return;
        this.learn({ id, name: m.body.name });
        const person = { id, name: this.name(id), here: did !== "suspended" };
        if (did === "left") this.#all.delete(id);
        else this.#all.set(id, person);
        changed(person, did);
      });
    }
  }

  /** Everybody, we first, then by name. @returns {Person[]} */
  get list() {
    return [...this.#all.values()].map((p) => ({ ...p, name: this.name(p.id) })).sort((a, b) =>
      Number(b.id === this.#me.id) - Number(a.id === this.#me.id) || a.name.localeCompare(b.name));
  }

  /** @param {string} id @returns {boolean | undefined} whether this person is connected; undefined: not known */
  here(id) {
    return this.#all.get(id)?.here;
  }

  /** @param {string} id */
  name(id) {
    return this.#names.get(id) ?? stranger(id);
  }

  /**
   * Takes a player as a game names it, an id or an object with id and name, and gives its id.
   *
   * @param {any} player
   * @returns {string} "" for nobody
   */
  learn(player) {
    if (typeof player === "string") return player;
    if (typeof player?.id !== "string") return "";
    if (typeof player.name === "string" && player.name) this.#names.set(player.id, player.name);
    return player.id;
  }

  /** @param {any} entry */
  #add(entry) {
    const id = this.learn(entry);
    if (id) this.#all.set(id, { id, name: this.name(id), here: entry?.online !== false });
  }
}
