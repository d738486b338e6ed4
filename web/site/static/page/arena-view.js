import { inWords } from "./arena-game.js";
import { painter } from "./arena-paint.js";
import { sentence } from "./texts.js";
import { action, fill, h, set, toast } from "./ui.js";

/** The ways that keys go. @type {Record<string, [number, number]>} */
const keys = {
  ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0],
  KeyW: [0, -1], KeyS: [0, 1], KeyA: [-1, 0], KeyD: [1, 0],
};
const WORDS_MS = 4000; // between two descriptions for who listens
const FULL = 70; // CSS pixels from us at which a pointer means full speed
const REST = 14; // and within which it means none

/**
 * The arena: a picture that follows us, steered by keys, mouse or finger, and the same in words. Returns what takes it away.
 *
 * @param {import("./app.js").App} app
 * @param {HTMLElement} main
 * @param {import("./arena-game.js").ArenaGame} game
 */
export function arenaView(app, main, game) {
  document.title = "Arena · Madang";
  const canvas = h("canvas", {
    tabindex: "0", "data-testid": "arena", role: "application",
    "aria-label": "The square. Go with the arrow keys, or W, A, S and D; or press and hold where you want to go.", "aria-describedby": "arena-words",
  });
  const words = h("p", { id: "arena-words", class: "unseen", role: "status", "data-testid": "arena-words" });
  const score = h("b", { "data-testid": "score" }, "0");
  const unit = h("small", {}, "coins");
  const near = h("b", { "data-testid": "near" }, "0");
  const all = h("span", {});
  const hint = h("p", { class: "how" }, "Arrow keys or WASD, or hold the mouse or a finger where you want to go.");
  const leave = action({ class: "button plain", "data-testid": "leave" }, async () => {
    try {
      await game.room.leave();
      app.go("/");
    } catch (err) {
      toast(sentence(err));
    }
  }, "Leave");

  const paint = painter(canvas, game);
  let gone = false;
  let frame = 0;
  const draw = (/** @type {number} */ now) => {
    if (gone) return;
    game.move(now);
    paint.draw(now);
    frame = requestAnimationFrame(draw);
  };

  /** @type {Set<string>} */
  const held = new Set();
  /** @type {{id: number, x: number, y: number} | undefined} */
  let pointer;
  const go = () => {
    if (pointer) {
      const box = canvas.getBoundingClientRect();
      const at = paint.place();
      const x = pointer.x - box.left - at.x, y = pointer.y - box.top - at.y;
      const d = Math.hypot(x, y);
      return game.steer(...(d < REST ? /** @type {const} */ ([0, 0]) : /** @type {const} */ ([x / Math.max(d, FULL), y / Math.max(d, FULL)])));
    }
    let x = 0, y = 0;
    for (const key of held) [x, y] = [x + keys[key][0], y + keys[key][1]];
    game.steer(Math.sign(x), Math.sign(y));
  };
  const onKey = (/** @type {KeyboardEvent} */ e) => {
    if (!keys[e.code] || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (/** @type {HTMLElement} */ (e.target).closest?.("input, textarea, select")) return;
    e.preventDefault();
    if (e.type === "keydown") {
      held.add(e.code);
      hint.hidden = true;
    } else held.delete(e.code);
    go();
  };
  const onRelease = () => {
    if (held.size === 0 && !pointer) return;
    held.clear();
    pointer = undefined;
    go();
  };
  const onPointer = (/** @type {PointerEvent} */ e) => {
    if (e.type === "pointerdown") {
      if (e.button !== 0 || pointer) return;
      e.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(e.pointerId);
      hint.hidden = true;
    } else if (e.pointerId !== pointer?.id) return;
    pointer = { id: e.pointerId, x: e.clientX, y: e.clientY };
    go();
  };
  const onUp = (/** @type {PointerEvent} */ e) => {
    if (e.pointerId !== pointer?.id) return;
    pointer = undefined;
    go();
  };
  canvas.addEventListener("pointerdown", onPointer);
  canvas.addEventListener("pointermove", onPointer);
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) canvas.addEventListener(type, onUp);
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  addEventListener("keydown", onKey);
  addEventListener("keyup", onKey);
  addEventListener("blur", onRelease);
  document.addEventListener("visibilitychange", onRelease);

  const show = () => {
    score.textContent = String(game.score);
    unit.textContent = game.score === 1 ? "coin" : "coins";
    const seen = [...game.others.values()].filter((o) => o.until === Infinity);
    near.textContent = String(seen.length);
    if (game.known) {
      set(canvas, "data-at", `${game.me.x.toFixed(1)},${game.me.y.toFixed(1)}`);
      set(canvas, "data-told", `${game.told.x},${game.told.y}`);
      set(canvas, "data-seen", seen.map((o) => o.id).join(" "));
    }
    all.textContent = `of ${Math.max(0, game.people.list.length - 1)} others`;
    const over = game.room.ended;
    leave.hidden = over !== undefined;
    if (over && !gone) {
      hint.hidden = false;
      hint.textContent = sentence(over.code === "left" ? over.reason : over.code);
    }
  };
  const tell = () => {
    const text = inWords(game);
    if (words.textContent !== text) words.textContent = text;
  };
  const telling = setInterval(tell, WORDS_MS);
  game.addEventListener("change", show);
  game.addEventListener("coin", paint.shine);
  fill(main, h("div", { class: "arena" },
    h("nav", { class: "steps" }, h("a", { class: "back", href: "#/" }, "‹ Yard"),
      h("p", { class: "turn score" }, h("span", { class: "coin", "aria-hidden": "true" }), score, unit),
      h("span", { class: "tools" }, leave)),
    h("div", { class: "square" }, canvas, h("p", { class: "near" }, near, " in sight ", all), hint), words));
  show();
  tell();
  canvas.focus({ preventScroll: true });
  frame = requestAnimationFrame(draw);
  return () => {
    gone = true;
    cancelAnimationFrame(frame);
    clearInterval(telling);
    onRelease();
    paint.end();
    game.removeEventListener("change", show);
    game.removeEventListener("coin", paint.shine);
    removeEventListener("keydown", onKey);
    removeEventListener("keyup", onKey);
    removeEventListener("blur", onRelease);
    document.removeEventListener("visibilitychange", onRelease);
    app.clear(game);
  };
}
