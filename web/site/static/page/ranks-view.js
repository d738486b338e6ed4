import { sentence } from "./texts.js";
import { action, fill, h } from "./ui.js";

/** @typedef {{user: string, name: string, rank: number, score: number}} Standing */

const periods = { all: "All time", week: "This week", day: "Today" };
const TOP = 10;

/**
 * Who leads, and where we stand.
 *
 * @type {import("./app.js").View}
 */
export function ranksView(app, main) {
  document.title = "Ranks · Madang";
  const { client } = app;
  const list = h("section", { class: "ladder", "aria-live": "polite" });
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "Period" });
  let period = "all";
  let turn = 0;

  /** @param {Standing} s */
  const row = (s) => h("li", { "data-me": s.user === client.user?.id, "data-testid": "standing" },
    h("span", { class: "rank-no", "data-rank": s.rank }, String(s.rank)), h("span", { class: "title" }, s.name, s.user === client.user?.id && h("small", {}, " (you)")), h("b", {}, `${s.score}`));

  const look = async () => {
    const mine = ++turn;
    fill(tabs, ...Object.entries(periods).map(([id, name]) => action({ class: "button", "aria-pressed": String(id === period), "data-testid": `period-${id}` }, async () => {
      period = id;
      await look();
    }, name)));
    try {
      const path = `/v1/leaderboards/othello?period=${period}`;
      const [top, around] = await Promise.all([client.request("GET", `${path}&limit=${TOP}`), client.request("GET", `${path}&around=me&limit=5`).catch((err) => {
        if (err.code === "not_ranked") return { standings: [] };
        throw err;
      })]);
      if (mine !== turn) return;
      const far = around.standings.filter((/** @type {Standing} */ s) => s.rank > TOP);
      const ranked = around.standings.some((/** @type {Standing} */ s) => s.user === client.user?.id);
      fill(list, top.standings.length === 0 ? h("p", { class: "hush" }, "Nobody has played yet. The first place is free!")
        : h("ol", {}, ...top.standings.map(row), far.length > 0 && h("li", { class: "gap", "aria-hidden": "true" }, "⋯"), ...far.map(row)),
      h("p", { class: "hint" }, ranked ? `${top.players} ${top.players === 1 ? "player" : "players"} in all.` : "Play a game of Othello to be on it: 3 points a win, 1 a draw."));
    } catch (err) {
      if (mine === turn) fill(list, h("p", { class: "hush" }, sentence(err)));
    }
  };

  fill(main, h("div", { class: "place" }, h("h1", {}, "Othello ranks"), tabs, list));
  look();
  return () => { turn = -1; };
}
