import { byId, fill, h } from "./ui.js";

/**
 * @typedef {{kind: string, n: number, over: boolean, text?: string, begins?: string, closes?: string, ends?: string, end_rooms?: boolean}} Maintenance
 */

const OVER_MS = 20_000; // how long it is shown that it is over

/**
 * What is announced to everybody, on every page, with the time that is left. It can be put away until it has begun, or changes.
 *
 * @param {import("./app.js").App} app
 */
export function noticeBar(app) {
  const bar = byId("notice");
  const words = h("span", {});
  const left = h("b", { role: "timer", "aria-live": "off", "data-testid": "notice-time" });
  const put = h("button", { class: "button", type: "button", "data-testid": "notice-away", onclick: () => {
    away = `${now?.n} ${phase()}`;
    tick();
  } }, "All right");
  /** @type {Maintenance | undefined} */
  let now;
  let away = "";
  let said = "";
  let over = 0;

  const phase = () => {
    if (!now || now.over) return "over";
    if (Date.now() < Date.parse(now.begins ?? "")) return "announced";
    return now.closes && Date.now() >= Date.parse(now.closes) ? "closed" : "begun";
  };

  const tick = () => {
    const at = phase();
    const gone = !now || away === `${now.n} ${at}` || at === "over" && Date.now() > over;
    bar.hidden = gone;
    if (!now || gone) return;
    const key = `${now.n} ${at}`;
    if (key !== said) {
      said = key;
      fill(words, ...sentences(now, at));
      fill(bar, h("i", { class: "lantern", "aria-hidden": "true" }), words, left, put);
    }
    const until = at === "announced" ? now.begins : at === "begun" ? now.closes : undefined;
    left.textContent = until ? clock(Date.parse(until) - Date.now()) : "";
  };
  setInterval(tick, 500);

  return {
    /** Listens for announcements. */
    listen() {
      app.client.inbox().on("$notice", (/** @type {{body: Maintenance}} */ { body }) => {
        if (body?.kind !== "maintenance" || now && body.n < now.n) return;
        if (body.over && (!now || now.over)) return; // of what we have not heard
        now = body;
        over = Date.now() + OVER_MS;
        tick();
      });
    },
  };
}

/**
 * @param {Maintenance} m
 * @param {string} phase
 * @returns {(string | Node)[]}
 */
function sentences(m, phase) {
  const back = m.ends ? ` We expect to be back at ${time(m.ends)}.` : "";
  const text = m.text ? `${m.text} ` : "";
  switch (phase) {
    case "announced":
      return [text, `The yard closes for maintenance.${back} New games until then: `];
    case "begun":
      return [text, m.closes ? `Maintenance has begun: no new games.${back} ${m.end_rooms ? "All games end" : "Everybody goes home"} in ` : `Maintenance has begun: no new games.${back}`];
    case "closed":
      return [text, `The yard is closed for maintenance.${back}`];
    default:
      return ["The yard is open again. Come and play!"];
  }
}

/** @param {string} iso */
function time(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** @param {number} ms */
function clock(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
