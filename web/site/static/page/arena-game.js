import { People } from "./people.js";

/**
 * Who else is in view, where it was and when: by the room's clock, in ms.
 *
 * @typedef {{id: string, was: {t: number, x: number, y: number}[], until: number}} Other
 * @typedef {{id: number, x: number, y: number}} Coin
 */

const BEHIND_MS = 100; // others are drawn as they were: two ticks ago, so that there is somewhere to move on to
const STEER_MS = 70; // between two steerings that are sent
const PAST_MS = 2500; // what is remembered of where we thought we were
const SNAP = 150; // units: a greater error is set right at once

/**
 * The arena as one player sees it: others move smoothly from frame to frame, we ourselves at once, and what the room says then sets right
 * where we are. Emits `change` with each frame, and `coin` when we have collected one. Times are those of performance.now().
 */
export class ArenaGame extends EventTarget {
  size = 2000;
  sight = 300;
  speed = 200;
  score = 0;
  /** The room has told where we are. */
  known = false;
  me = { x: 0, y: 0 };
  /** Where the room says that we were, last. */
  told = { x: 0, y: 0 };
  /** Where we go: each -1 to 1. */
  going = { x: 0, y: 0 };
  /** @type {Map<string, Other>} */
  others = new Map();
  /** @type {Coin[]} */
  coins = [];

  #tickMs = 50;
  #tick = 0;
  #offset = NaN; // of performance.now() to the room's clock
  #moved = 0; // when we moved last
  /** Where we thought we were. @type {{t: number, x: number, y: number}[]} */
  #past = [];
  /** Steerings that no frame knows yet. @type {{n: number, t: number}[]} */
  #sent = [];
  #lag = 80; // ms from a steering until a frame knows it
  #n = 0;
  #last = { x: 0, y: 0, t: -Infinity }; // as sent
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /**
   * @param {import("../madang.js").Room} room
   * @param {{id: string, name: string}} me
   */
  constructor(room, me) {
    super();
    this.room = room;
    this.my = me.id;
    this.people = new People(room, me, () => this.#changed());
    room.on("$snapshot", (m) => {
      const b = m.body ?? {};
      for (const key of /** @type {const} */ (["size", "sight", "speed"])) if (b[key] > 0) this[key] = b[key];
      if (b.ticks > 0) this.#tickMs = 1000 / b.ticks;
      if (!Array.isArray(b.you)) return;
      this.others.clear();
      this.known = false;
      this.#offset = NaN;
      this.#tick = 0;
      this.#sent = [];
      this.#frame(b);
      this.#again();
    });
    room.on("frame", (m) => this.#frame(m.body));
    room.on("$resumed", (m) => m.body?.user === me.id && this.#again()); // the room has stopped us
    room.on(":ended", () => this.#changed());
  }

  /**
   * Goes in a direction, at once; what is longer than 1 counts as 1.
   *
   * @param {number} x
   * @param {number} y
   */
  steer(x, y) {
    const length = Math.max(1, Math.hypot(x, y));
    x = Math.round((x / length) * 100) / 100;
    y = Math.round((y / length) * 100) / 100;
    this.move();
    this.going = { x, y };
    this.#tell();
  }

  /** Moves us on to now. @param {number} [now] */
  move(now = performance.now()) {
    const s = Math.min(now - this.#moved, 1000) / 1000;
    this.#moved = now;
    if (!this.known || s <= 0) return;
    this.me.x = this.#within(this.me.x + this.going.x * this.speed * s);
    this.me.y = this.#within(this.me.y + this.going.y * this.speed * s);
    this.#past.push({ t: now, ...this.me });
    while (this.#past.length > 2 && this.#past[1].t < now - PAST_MS) this.#past.shift();
  }

  /**
   * Where others are drawn now, and how clearly, 0 to 1.
   *
   * @param {number} [now]
   * @returns {{id: string, x: number, y: number, clear: number}[]}
   */
  seen(now = performance.now()) {
    const t = now - this.#offset - BEHIND_MS;
    const seen = [];
    for (const other of this.others.values()) {
      if (t > other.until + 250) {
        this.others.delete(other.id);
        continue;
      }
      const at = between(other.was, t);
      const first = other.was[0].t;
      seen.push({ id: other.id, ...at, clear: Math.max(0, Math.min(1, (t - first + 250) / 250, 1 - (t - other.until) / 250)) });
    }
    return seen;
  }

  /** @param {number} v */
  #within(v) {
    return Math.max(0, Math.min(this.size, v));
  }

  /** @param {any} b */
  #frame(b) {
    if (!Array.isArray(b?.you) || !(b.tick >= this.#tick)) return;
    const now = performance.now();
    this.#tick = b.tick;
    const t = b.tick * this.#tickMs;
    const early = now - t;
    // The quickest frames say how the clocks stand; a room that was late shifts that slowly.
    this.#offset = early > this.#offset ? this.#offset + (early - this.#offset) * (early - this.#offset > 500 ? 1 : 0.05) : early;
    this.#see(b, t);
    this.coins = (b.coins ?? []).map((/** @type {number[]} */ [id, x, y]) => ({ id, x, y }));
    this.#mend(b, now);
    const won = this.known && b.score > this.score;
    this.score = b.score ?? 0;
    this.known = true;
    if (won) this.dispatchEvent(new Event("coin"));
    this.#changed();
  }

  /** @param {any} b @param {number} t */
  #see(b, t) {
    const there = new Set();
    for (const [id, x, y] of b.seen ?? []) {
      there.add(id);
      const other = this.others.get(id);
      if (!other || other.until < t - 1000) {
        this.others.set(id, { id, was: [{ t, x, y }], until: Infinity });
        continue;
      }
      other.until = Infinity;
      const last = other.was[other.was.length - 1];
      if (last.t >= t) continue;
      // Who stood still, and was not told of, has moved only lately: no faster than one can.
      const least = (Math.hypot(x - last.x, y - last.y) / this.speed) * 1000;
      const from = t - Math.max(this.#tickMs, Math.ceil(least / this.#tickMs) * this.#tickMs);
      if (from > last.t + this.#tickMs / 2) other.was.push({ t: from, x: last.x, y: last.y });
      other.was.push({ t, x, y });
      if (other.was.length > 12) other.was.splice(0, other.was.length - 12);
    }
    for (const other of this.others.values()) if (!there.has(other.id) && other.until === Infinity) other.until = t;
  }

  /** Sets right where we are. @param {any} b @param {number} now */
  #mend(b, now) {
    const [x, y] = b.you;
    this.told = { x, y };
    const known = this.#sent.filter((s) => s.n <= (b.n ?? 0));
    if (known.length > 0) {
      this.#sent.splice(0, known.length);
      this.#lag += (Math.min(now - known[known.length - 1].t, 1000) - this.#lag) * 0.2;
    }
    if (!this.known) {
      this.me = { x, y };
      this.#past = [{ t: now, x, y }];
      this.#moved = now;
      return;
    }
    this.move(now);
    // What the room says now is where we were so long ago: it did not know the rest yet.
    const then = between(this.#past, now - this.#lag);
    const dx = x - then.x, dy = y - then.y;
    const share = Math.hypot(dx, dy) > SNAP ? 1 : 0.15;
    for (const p of [...this.#past, this.me]) {
      p.x += dx * share;
      p.y += dy * share;
    }
  }

  /** Says where we go, not more often than needs be. */
  #tell() {
    const { x, y } = this.going;
    if (this.#later !== undefined || (x === this.#last.x && y === this.#last.y) || this.room.ended) return;
    const now = performance.now();
    const wait = this.#last.t + STEER_MS - now;
    if (wait > 0) {
      this.#later = setTimeout(() => {
        this.#later = undefined;
        this.#tell();
      }, wait);
      return;
    }
    this.#n = Math.max(this.#n + 1, Date.now()); // rises over reloads, too
    this.#last = { x, y, t: now };
    this.#sent.push({ n: this.#n, t: now });
    this.room.send("steer", { dx: x, dy: y, n: this.#n }).catch(() => {}); // a seat that is lost shows by itself
  }

  /** The room has forgotten where we go. */
  #again() {
    this.#last = { x: 0, y: 0, t: this.#last.t };
    this.#tell();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Where something was at a time, of places in order.
 *
 * @param {{t: number, x: number, y: number}[]} was at least one
 * @param {number} t
 */
export function between(was, t) {
  let i = was.length - 1;
  while (i > 0 && was[i].t > t) i--;
  const a = was[i], b = was[i + 1];
  if (!b || t <= a.t) return { x: a.x, y: a.y };
  const share = (t - a.t) / (b.t - a.t);
  return { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}

/**
 * What is in view, in words.
 *
 * @param {ArenaGame} game
 */
export function inWords(game) {
  if (!game.known) return "";
  const { me, coins, size } = game;
  const third = (/** @type {number} */ v, /** @type {string[]} */ words) => words[Math.min(2, Math.floor((v / size) * 3))];
  const at = [third(me.y, ["north", "", "south"]), third(me.x, ["west", "", "east"])].filter(Boolean).join("-") || "middle";
  const others = [...game.others.values()].filter((o) => o.until === Infinity).length;
  const count = (/** @type {number} */ n, /** @type {string} */ what) => `${n === 0 ? "no" : n} ${what}${n === 1 ? "" : "s"}`;
  let text = `You are in the ${at} of the square. In sight: ${count(others, "player")} and ${count(coins.length, "coin")}.`;
  const nearest = coins.map((c) => ({ d: Math.hypot(c.x - me.x, c.y - me.y), x: c.x - me.x, y: c.y - me.y })).sort((a, b) => a.d - b.d)[0];
  if (nearest) text += ` The nearest coin is ${Math.round(nearest.d / 10) * 10} steps to the ${compass(nearest.x, nearest.y)}.`;
  return `${text} You have ${count(game.score, "coin")}.`;
}

/** @param {number} x @param {number} y */
function compass(x, y) {
  const names = ["east", "south-east", "south", "south-west", "west", "north-west", "north", "north-east"];
  return names[(Math.round(Math.atan2(y, x) / (Math.PI / 4)) + 8) % 8];
}
