const TILE = 100; // units between the joints of the pavement
const BODY = 13; // units, the radius of a player
const COIN = 8;

/**
 * Draws what a player sees on a canvas: we in the middle, what is in view around us, and dusk where we see no more.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import("./arena-game.js").ArenaGame} game
 */
export function painter(canvas, game) {
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let width = 1, height = 1, ratio = 1;
  let shone = -Infinity;
  /** @type {Record<string, string>} */
  let color = {};

  const dip = () => {
    const style = getComputedStyle(document.documentElement);
    color = Object.fromEntries(["paper", "paper-2", "ink", "ink-2", "line", "ground", "stone", "ochre", "red", "jade", "eaves", "tileline", "fence", "sky"].map(
      (name) => [name, style.getPropertyValue(`--${name}`).trim() || "#888"]));
    color.dark = matchMedia("(prefers-color-scheme: dark)").matches ? "1" : "";
  };
  const measure = () => {
    const box = canvas.getBoundingClientRect();
    ratio = Math.min(2, devicePixelRatio || 1);
    width = Math.max(1, box.width);
    height = Math.max(1, box.height);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", dip);
  const watch = new ResizeObserver(measure);
  watch.observe(canvas);
  dip();
  measure();

  /** Pixels for a unit: what we see fits the shorter side, or on a long screen a little more than that. */
  const scale = () => Math.max(Math.min(width, height) / (2 * game.sight), Math.max(width, height) / (2 * game.sight) / 1.6);

  const pavement = (/** @type {number} */ s, /** @type {{x: number, y: number}} */ eye) => {
    const { size } = game;
    to.fillStyle = color.eaves;
    to.fillRect(0, 0, width, height);
    const x0 = (0 - eye.x) * s + width / 2, y0 = (0 - eye.y) * s + height / 2;
    to.fillStyle = color.stone;
    to.fillRect(x0 - 14 * s, y0 - 14 * s, (size + 28) * s, (size + 28) * s);
    to.fillStyle = color.ground;
    to.fillRect(x0, y0, size * s, size * s);
    to.strokeStyle = color.dark ? "#ffffff12" : "#6b482418";
    to.lineWidth = 1.5;
    to.beginPath();
    for (let v = 0; v <= size; v += TILE) {
      const x = x0 + v * s, y = y0 + v * s;
      if (x >= 0 && x <= width) {
        to.moveTo(x, Math.max(0, y0));
        to.lineTo(x, Math.min(height, y0 + size * s));
      }
      if (y >= 0 && y <= height) {
        to.moveTo(Math.max(0, x0), y);
        to.lineTo(Math.min(width, x0 + size * s), y);
      }
    }
    to.stroke();
  };

  const coin = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ r, /** @type {number} */ turn) => {
    const squeeze = still ? 1 : 0.72 + 0.28 * Math.abs(Math.cos(turn));
    to.fillStyle = "#00000030";
    to.beginPath();
    to.ellipse(x, y + r * 0.95, r * 0.9, r * 0.35, 0, 0, 7);
    to.fill();
    to.fillStyle = color.ochre;
    to.strokeStyle = "#7d4f0c";
    to.lineWidth = Math.max(1, r * 0.16);
    to.beginPath();
    to.ellipse(x, y, r * squeeze, r, 0, 0, 7);
    to.fill();
    to.stroke();
    to.fillStyle = "#7d4f0c"; // the square hole of a yeopjeon
    to.fillRect(x - r * 0.28 * squeeze, y - r * 0.28, r * 0.56 * squeeze, r * 0.56);
  };

  const stone = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ r, /** @type {string} */ light, /** @type {string} */ dark) => {
    to.fillStyle = "#00000038";
    to.beginPath();
    to.ellipse(x, y + r * 0.75, r * 0.95, r * 0.45, 0, 0, 7);
    to.fill();
    const shade = to.createRadialGradient(x - r * 0.35, y - r * 0.4, r * 0.1, x, y, r);
    shade.addColorStop(0, light);
    shade.addColorStop(1, dark);
    to.fillStyle = shade;
    to.beginPath();
    to.arc(x, y, r, 0, 7);
    to.fill();
  };

  const label = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ mine) => {
    to.font = `${mine ? 700 : 600} 13px system-ui, sans-serif`;
    to.textAlign = "center";
    to.textBaseline = "middle";
    const w = Math.min(150, to.measureText(text).width) + 12;
    to.fillStyle = color.dark ? "#1d1814cc" : "#fdf7eacc";
    to.beginPath();
    to.roundRect(x - w / 2, y - 10, w, 20, 10);
    to.fill();
    to.fillStyle = color.ink;
    to.fillText(text, x, y + 0.5, 150);
  };

  const map = () => {
    const w = Math.min(92, width / 5), x = width - w - 12, y = 12;
    to.fillStyle = color.dark ? "#1d1814b0" : "#fdf7eab8";
    to.strokeStyle = color["ink-2"];
    to.lineWidth = 1;
    to.beginPath();
    to.roundRect(x, y, w, w, 6);
    to.fill();
    to.stroke();
    to.fillStyle = color.red;
    to.beginPath();
    to.arc(x + (game.me.x / game.size) * w, y + (game.me.y / game.size) * w, 4, 0, 7);
    to.fill();
  };

  return {
    /** @param {number} now */
    draw(now) {
      to.setTransform(ratio, 0, 0, ratio, 0, 0);
      const s = scale(), eye = game.me;
      const x = (/** @type {number} */ v) => (v - eye.x) * s + width / 2;
      const y = (/** @type {number} */ v) => (v - eye.y) * s + height / 2;
      pavement(s, eye);
      if (!game.known) return;
      for (const c of game.coins) coin(x(c.x), y(c.y), COIN * s, now / 420 + c.id);
      const seen = game.seen(now);
      for (const other of seen) {
        to.globalAlpha = other.clear * (game.people.here(other.id) === false ? 0.5 : 1);
        const hue = hueOf(other.id);
        stone(x(other.x), y(other.y), BODY * s, `hsl(${hue} 55% 78%)`, `hsl(${hue} 48% ${color.dark ? 42 : 38}%)`);
      }
      to.globalAlpha = 1;
      const glow = Math.max(0, 1 - (now - shone) / 500);
      if (glow > 0 && !still) {
        to.strokeStyle = color.ochre;
        to.globalAlpha = glow;
        to.lineWidth = 4;
        to.beginPath();
        to.arc(width / 2, height / 2, (BODY + (1 - glow) * 30) * s, 0, 7);
        to.stroke();
        to.globalAlpha = 1;
      }
      stone(width / 2, height / 2, BODY * s, "#fff", "#e9dcc3");
      to.strokeStyle = color.red;
      to.lineWidth = 3;
      to.beginPath();
      to.arc(width / 2, height / 2, BODY * s, 0, 7);
      to.stroke();
      // dusk
      const far = to.createRadialGradient(width / 2, height / 2, game.sight * s * 0.93, width / 2, height / 2, game.sight * s * 1.02);
      far.addColorStop(0, "#14181c00");
      far.addColorStop(1, color.dark ? "#0d1013b8" : "#2c211a8c");
      to.fillStyle = far;
      to.fillRect(0, 0, width, height);
      for (const other of seen) {
        if (other.clear < 0.5) continue;
        label(game.people.name(other.id), x(other.x), y(other.y) - BODY * s - 14, false);
      }
      label("you", width / 2, height / 2 - BODY * s - 14, true);
      map();
    },
    /** Where we are drawn, in CSS pixels. */
    place: () => ({ x: width / 2, y: height / 2 }),
    shine: () => void (shone = performance.now()),
    end() {
      watch.disconnect();
      scheme.removeEventListener("change", dip);
    },
  };
}

/** A color for each player, the same for everybody. @param {string} id */
function hueOf(id) {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) >>> 0;
  return (hash % 24) * 15;
}
