import { other, squares } from "./othello-game.js";
import { sentence } from "./texts.js";
import { action, byId, confirm, fill, h, set, toast } from "./ui.js";

/** @typedef {import("./othello-game.js").Color} Color */

/**
 * The board and what belongs to it. Returns what takes it away.
 *
 * @param {import("./app.js").App} app
 * @param {HTMLElement} main
 * @param {import("./othello-game.js").OthelloGame} game
 */
export function othelloView(app, main, game) {
  document.title = "Othello · Madang";
  const before = app.client.user;
  const board = boardOf(game);
  const plates = { black: plateOf("black"), white: plateOf("white") };
  const turn = h("p", { class: "turn", "data-testid": "turn" });
  const table = h("div", { class: "table" });
  const over = h("section", { class: "over", hidden: true, "aria-live": "polite" });
  const invite = inviteOf(app, game);
  const resign = action({ class: "button plain", "data-testid": "resign" }, async () => {
    if (await confirm("Give this game to the other player?", "Resign", "Play on")) await game.resign().catch((err) => toast(sentence(err)));
  }, "Resign");
  const leave = action({ class: "button plain", "data-testid": "leave" }, async () => {
    try {
      await game.room.leave();
      app.go("/");
    } catch (err) {
      toast(sentence(err));
    }
  }, "Leave");
  let celebrated = false;

  const tick = () => {
    const left = game.secondsLeft;
    for (const color of /** @type {const} */ (["black", "white"])) {
      const { time } = plates[color];
      const runs = left !== null && game.next === color;
      time.hidden = !runs;
      if (!runs) continue;
      time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      set(time, "data-low", left <= 20);
    }
  };
  const ticking = setInterval(tick, 250);

  const draw = () => {
    board.draw();
    const mine = game.myColor;
    for (const color of /** @type {const} */ (["black", "white"])) {
      const plate = plates[color];
      const id = game.seats[color];
      plate.name.textContent = id ? (mine === color ? `${game.nameOf(color)} (you)` : game.nameOf(color)) : game.known ? "an empty seat" : "…";
      plate.count.textContent = String(game.count(color));
      const here = id ? game.people.here(id) : undefined;
      const away = mine === color ? "" : here === false ? "connection lost, may be back" : here === undefined && id && game.playing && game.people.list.length > 0 ? "has left" : "";
      plate.note.textContent = away;
      set(plate.el, "data-next", game.playing && game.next === color);
      set(plate.el, "data-away", away !== "");
    }
    tick();
    turn.textContent = turnText(game);
    set(turn, "data-mine", game.myTurn);
    set(turn, "data-next", game.next ?? "");
    invite.hidden = !game.known || game.playing || game.over !== null || !!game.room.ended;
    resign.hidden = !game.playing || mine === null;
    leave.hidden = game.playing || game.over !== null || !!game.room.ended;
    // on the small screen we sit below and the other one above
    const top = mine === "black" ? "white" : "black";
    if (table.firstChild !== plates[top].el) fill(table, plates[top].el, board.el, plates[other(top)].el);
    if ((game.over || game.room.ended) && !celebrated) {
      celebrated = true;
      finish();
    }
  };

  const finish = () => {
    over.hidden = false;
    const result = game.over;
    const again = action({ class: "button go", "data-testid": "play-again" }, () =>
      app.play(() => (app.withBot.has(game.room.id) ? app.createWithBot() : app.client.random("othello"))), "Play again");
    const home = h("a", { class: "button plain", href: "#/" }, "To the yard");
    if (!result) {
      const ended = game.room.ended;
      set(over, "data-testid", null);
      fill(over, h("h2", {}, "The table is cleared"), h("p", {}, sentence(ended?.code === "left" ? ended.reason : ended?.code ?? "")), h("div", { class: "row" }, again, home));
      return;
    }
    const mine = game.myColor;
    const title = result.winner === "draw" ? "A draw" : mine === null ? `${result.winner === "black" ? "Black" : "White"} wins` : result.winner === mine ? "You win!" : `${game.nameOf(other(mine)) || "The other player"} wins`;
    const why = result.reason === "exit" ? "by resignation" : result.reason === "timeout" ? "on time" : "";
    const reward = h("p", { class: "reward", "data-testid": "reward" });
    set(over, "data-testid", "game-over");
    set(over, "data-winner", result.winner);
    set(over, "data-won", mine !== null && result.winner === mine);
    fill(over, h("h2", {}, title),
      h("p", { class: "score" }, h("i", { class: "chip b", "aria-hidden": "true" }), `black ${result.black}`, h("span", {}, " : "), `${result.white} white`, h("i", { class: "chip w", "aria-hidden": "true" }), why && h("small", {}, why)),
      reward, h("div", { class: "row" }, again, home));
    if (over.isConnected) say(`${title} Black ${result.black}, white ${result.white}. ${why}`);
    if (mine && before) {
      app.client.me().then(({ user }) => {
        const gold = user.gold - before.gold, exp = user.exp - before.exp;
        const parts = [gold > 0 && `+${gold} gold`, exp > 0 && `+${exp} experience`, user.level > before.level && `level ${user.level}!`].filter(Boolean);
        reward.textContent = parts.join(" · ");
      }).catch(() => {}); // the lobby shows the account anyway
    }
  };

  /** @param {Event} e */
  const onSaid = (e) => say(/** @type {CustomEvent} */ (e).detail);
  /** @param {Event} e */
  const onRefused = (e) => toast(sentence(/** @type {CustomEvent} */ (e).detail));
  game.addEventListener("change", draw);
  game.addEventListener("said", onSaid);
  game.addEventListener("refused", onRefused);
  fill(main, h("div", { class: "match" },
    h("nav", { class: "steps" }, h("a", { class: "back", href: "#/" }, "‹ Yard"), turn, h("span", { class: "tools" }, resign, leave)),
    invite, over, table));
  draw();
  return () => {
    clearInterval(ticking);
    game.removeEventListener("change", draw);
    game.removeEventListener("said", onSaid);
    game.removeEventListener("refused", onRefused);
    app.clear(game);
  };
}

/** @param {string} sentence */
function say(sentence) {
  byId("live").textContent = sentence;
}

/** @param {import("./othello-game.js").OthelloGame} game */
function turnText(game) {
  if (!game.known) return "Setting the table…";
  if (game.over || game.room.ended) return "Game over";
  if (!game.playing) return "Waiting for a guest";
  if (game.waiting) return `Playing ${game.waiting}…`;
  if (game.myTurn) return `Your turn: ${game.myColor}`;
  return `${game.nameOf(game.next ?? "black")} thinks`;
}

/** @param {Color} color */
function plateOf(color) {
  const name = h("b", { class: "player" });
  const note = h("small", { class: "note" });
  const time = h("time", { class: "time", role: "timer", "aria-label": `time that ${color} has left`, "data-testid": `time-${color}`, hidden: true });
  const count = h("output", { class: "count", "data-testid": `count-${color}`, "aria-label": `${color} discs` });
  const el = h("div", { class: `plate ${color}`, "data-testid": `player-${color}` },
    h("i", { class: `chip ${color[0]}`, "aria-hidden": "true" }), h("span", { class: "unseen" }, color), h("span", { class: "names" }, name, note), time, count);
  return { el, name, note, count, time };
}

/**
 * How somebody else gets to this table.
 *
 * @param {import("./app.js").App} app
 * @param {import("./othello-game.js").OthelloGame} game
 */
function inviteOf(app, game) {
  const { code } = game.room;
  const link = h("input", { readonly: true, value: code ? `${location.origin}${location.pathname}#/code/${code}` : location.href, "aria-label": "Link to this table", onfocus: () => link.select() });
  const copy = action({ class: "button" }, async () => {
    try {
      await navigator.clipboard.writeText(link.value);
      toast("Copied. Send it to somebody you like.");
    } catch { // not allowed, or no secure origin
      link.select();
      toast("Press and hold to copy the link.");
    }
  }, "Copy the link");
  const bot = app.withBot.has(game.room.id);
  return h("section", { class: "invite" }, code !== "" && !bot && h("p", {}, "This table is yours. Its code: ", h("b", { class: "code", "data-testid": "room-code" }, code)), h("p", {}, bot ? "A bot is on its way to the other seat." : code ? "A friend comes in by the code, or by this link:" : "The other seat is free. Guests find this table in the yard; friends by its link:"),
    !bot && h("div", { class: "row" }, link, copy));
}

/**
 * The grid: one button a square, of which one is in the tab order; arrow keys move over it.
 *
 * @param {import("./othello-game.js").OthelloGame} game
 */
function boardOf(game) {
  let focus = 19; // d3
  const cells = squares.map((at, i) => h("div", {
    role: "gridcell", class: "square", id: `sq-${at}`, "data-testid": `square-${at}`, tabindex: i === focus ? "0" : "-1",
    onclick: () => {
      move(i, false);
      put(at);
    },
    onkeydown: (/** @type {Event} */ e) => key(/** @type {KeyboardEvent} */ (e)),
  }, h("span", { class: "disc", "aria-hidden": "true" }, h("i", { class: "face b" }), h("i", { class: "face w" }))));
  const rows = [...Array(8).keys()].map((r) => h("div", { role: "row", class: "rank" }, ...cells.slice(r * 8, r * 8 + 8)));
  const grid = h("div", { role: "grid", class: "board", "data-testid": "board", "aria-label": "Othello board: arrow keys move, Enter plays" }, ...rows);
  const files = () => h("div", { class: "files", "aria-hidden": "true" }, ...[..."abcdefgh"].map((f) => h("span", {}, f)));
  const ranks = h("div", { class: "ranks", "aria-hidden": "true" }, ...[..."12345678"].map((r) => h("span", {}, r)));
  const el = h("div", { class: "frame" }, files(), ranks, grid);

  /** @param {number} to @param {boolean} focusIt */
  function move(to, focusIt) {
    set(cells[focus], "tabindex", "-1");
    focus = to;
    set(cells[focus], "tabindex", "0");
    if (focusIt) cells[focus].focus();
  }

  /** @param {string} at */
  function put(at) {
    if (game.myTurn && !game.legal(at) && game.waiting === "" && game.board[squares.indexOf(at)] === ".") toast(sentence("illegal_move"));
    game.put(at).catch((err) => toast(sentence(err)));
  }

  /** @param {KeyboardEvent} e */
  function key(e) {
    const col = focus % 8, row = Math.floor(focus / 8);
    /** @type {Record<string, number>} */
    const to = {
      ArrowLeft: row * 8 + Math.max(0, col - 1), ArrowRight: row * 8 + Math.min(7, col + 1),
      ArrowUp: Math.max(0, row - 1) * 8 + col, ArrowDown: Math.min(7, row + 1) * 8 + col,
      Home: row * 8, End: row * 8 + 7, PageUp: col, PageDown: 56 + col,
    };
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key in to) move(to[e.key], true);
    else if (e.key === "Enter" || e.key === " ") put(squares[focus]);
    else return;
    e.preventDefault();
  }

  let drawn = "";
  const draw = () => {
    const lastAt = squares.indexOf(game.last.at);
    const fresh = drawn !== "" && drawn !== game.board;
    cells.forEach((cell, i) => {
      const at = squares[i], disc = game.board[i], legal = game.legal(at);
      const away = lastAt < 0 || !fresh ? 0 : Math.max(Math.abs((i % 8) - (lastAt % 8)), Math.abs(Math.floor(i / 8) - Math.floor(lastAt / 8)));
      if (fresh) cell.style.setProperty("--away", String(away));
      set(cell, "data-disc", disc);
      set(cell, "data-legal", String(legal));
      set(cell, "data-last", game.last.at === at);
      set(cell, "data-waiting", game.waiting === at);
      const what = disc === "b" ? "black" : disc === "w" ? "white" : "empty";
      set(cell, "aria-label", `${at}, ${what}${legal ? ", legal move" : ""}${game.last.at === at ? ", last move" : ""}`);
    });
    drawn = game.board;
    set(grid, "data-hint", game.myColor?.[0] ?? "");
  };
  return { el, draw };
}
