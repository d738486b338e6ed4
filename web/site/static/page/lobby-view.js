import { passwordForm } from "./me-view.js";
import { yard } from "./scene.js";
import { OthelloGame } from "./othello-game.js";
import { sentence } from "./texts.js";
import { action, fill, h, toast } from "./ui.js";

/** @typedef {import("../madang.js").RoomInfo} RoomInfo */

const LOOK_MS = 4000; // between two looks at the rooms
/** The games that have a page here. @type {Record<string, string>} */
const pages = { othello: "Othello", relay: "Chat room", arena: "Arena" };

/** What one does there. @type {Record<string, string>} */
const verbs = { othello: "Sit down", relay: "Listen in", arena: "Go in" };

/**
 * The yard: who we are, what can be played, and who waits. Returns what takes it away.
 *
 * @param {import("./app.js").App} app
 * @param {HTMLElement} main
 * @param {string} [invited] the room to go to after the sign-in
 */
export function lobbyView(app, main, invited) {
  document.title = "Madang";
  const { client } = app;
  const who = h("section", { class: "who" });
  const resume = h("section", { "aria-label": "Where you sit" });
  const rooms = h("section", { class: "rooms", "aria-label": "Open rooms" });
  const input = h("input", {
    id: "name", "data-testid": "name", maxlength: "24", autocomplete: "nickname", spellcheck: "false",
    placeholder: "Leave it to us", enterkeyhint: "go",
  });

  /** Signs in first, so that every button works at once. @param {() => Promise<import("../madang.js").Room>} open */
  const play = (open) => app.play(async () => {
    await app.enter(input.value.trim());
    return open();
  });

  const comeIn = async () => {
    try {
      await app.enter(input.value.trim());
      await arrived();
    } catch (err) {
      toast(sentence(err));
      input.focus();
    }
  };

  /** Asks for a password in place of a name. */
  const knock = () => {
    fill(who, h("h2", {}, "Welcome back"), passwordForm("Come in", async (token) => {
      await client.signInWith({ platform: "password", token });
      app.arrive();
      await arrived();
    }), h("button", { type: "button", class: "button plain", onclick: greet }, "I am new here"));
    who.querySelector("input")?.focus();
  };

  const arrived = async () => {
    if (invited) return app.show();
    greet();
    await look();
  };

  const greet = () => {
    const { user } = client;
    if (!client.signedIn || !user) {
      const button = action({ class: "button go", "data-testid": "sign-in" }, comeIn, invited ? "Come in and join" : "Come in");
      const form = h("form", { class: "name", onsubmit: (/** @type {Event} */ e) => {
        e.preventDefault();
        button.click();
      } }, h("label", { for: "name" }, invited ? "You are invited! What shall we call you?" : "What shall we call you?"),
      h("div", { class: "row" }, input, button),
      h("button", { type: "button", class: "other", "data-testid": "have-account", onclick: knock }, "I have an account"));
      return fill(who, form);
    }
    fill(who, h("div", { class: "me" },
      h("b", { "data-testid": "who", "data-user": user.id }, user.name),
      h("span", { class: "stats" }, `Level ${user.level}`),
      h("span", { class: "stats" }, h("span", { class: "coin", "aria-hidden": "true" }), `${user.gold} gold`),
      h("span", { class: "stats", title: "won, lost, drawn" }, `${user.win} won · ${user.lose} lost · ${user.draw} drawn`)));
  };

  const quick = action({ class: "big quick", "data-testid": "quick-match" }, async () => {
    try {
      await app.enter(input.value.trim());
      await app.search.start("othello");
      greet();
    } catch (err) {
      toast(sentence(err));
    }
  }, h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "b" }), h("i", { class: "w" })),
  h("b", {}, "Quick match"), h("small", {}, "Othello with somebody of your strength, for your rank"));

  const buttons = h("section", { class: "play", "aria-label": "Play" }, quick,
    action({ class: "big othello", "data-testid": "play-othello" }, () => play(() => client.random("othello")),
      h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "b" }), h("i", { class: "w" })),
      h("b", {}, "Play Othello"), h("small", {}, "with whoever comes next")),
    action({ class: "big bot", "data-testid": "play-bot" }, () => play(() => app.createWithBot()),
      h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "w" }), h("i", { class: "b face" })),
      h("b", {}, "Play against a bot"), h("small", {}, "always awake, never cross")),
    action({ class: "big friend", "data-testid": "create-othello" }, () => play(() => client.create("othello", undefined, { private: true })),
      h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "b" }), h("i", { class: "empty" })),
      h("b", {}, "Invite a friend"), h("small", {}, "a table of your own, and a code to it")),
    action({ class: "big talk", "data-testid": "create-relay" }, () => play(() => client.create("relay")),
      h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "bubble" }), h("i", { class: "bubble two" })),
      h("b", {}, "New chat room"), h("small", {}, "room for a hundred")),
    action({ class: "big arena-gate", "data-testid": "play-arena" }, () => play(() => client.random("arena")),
      h("span", { class: "art", "aria-hidden": "true" }, h("i", { class: "w" }), h("i", { class: "gold" })),
      h("b", {}, "Into the arena"), h("small", {}, "a square full of coins, and up to two hundred who want them")));

  const code = h("input", { id: "code", "data-testid": "code", maxlength: "20", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", placeholder: "A friend's code", enterkeyhint: "go" });
  const byCode = action({ class: "button", "data-testid": "join-code" }, async () => {
    const given = code.value.trim();
    if (!given) return code.focus();
    await play(() => client.joinByCode(given));
  }, "Sit down");
  const codeForm = h("form", { class: "row by-code", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); byCode.click(); } },
    h("label", { for: "code" }, "Somebody gave you a code?"), code, byCode);

  /** @param {RoomInfo} room @param {string} verb @param {string} [note] @param {boolean} [mine] */
  const row = (room, verb, note, mine) => h("li", { class: `seat ${room.game}`, "data-testid": mine ? "my-room" : "room-row", "data-room": room.id, "data-game": room.game },
    h("span", { class: "dot", "aria-hidden": "true" }),
    h("span", { class: "title" }, h("b", {}, `${pages[room.game]} ${room.id.replace(/[^0-9a-z]/gi, "").slice(-4)}`), h("small", {}, note ?? `${room.players} of ${room.capacity} seats taken`)),
    h("span", { class: "heads", "aria-hidden": "true" }, `${room.players}/${room.capacity}`),
    action({ class: mine ? "button go" : "button", "aria-label": `${verb}: ${pages[room.game]}, ${room.players} of ${room.capacity} seats taken` },
      () => app.play(() => client.join(room.id)), verb));

  /** @param {RoomInfo} room */
  const noteOf = (room) => {
    const table = app.tables.get(room.id);
    if (!(table instanceof OthelloGame)) return undefined;
    return table.myTurn ? "It is your turn" : table.playing ? "The other one thinks" : "Waiting for a second player";
  };

  let shown = "";
  let gone = false;
  const look = async () => {
    if (!client.signedIn || gone) return;
    try {
      const [mine, ...open] = await Promise.all([client.me(), ...Object.keys(pages).map((game) => client.rooms({ game, state: "open", limit: 30 }))]);
      if (gone) return;
      const sits = new Set(mine.rooms.map((r) => r.id));
      const my = mine.rooms.filter((r) => pages[r.game]).map((r) => /** @type {const} */ ([r, noteOf(r)]));
      const free = open.flatMap((page) => page.rooms).filter((r) => !sits.has(r.id) && r.players < r.capacity && r.players > 0);
      const text = JSON.stringify([my, free, mine.user]);
      if (text === shown) return; // so that focus and a pressed button stay
      shown = text;
      greet();
      fill(resume, my.length > 0 && h("h2", {}, "Continue"), my.length > 0 && h("ul", {}, ...my.map(([r, note]) => row(r, "Continue", note, true))));
      fill(rooms, h("h2", {}, "In the yard now"), free.length > 0 ? h("ul", {}, ...free.map((r) => row(r, verbs[r.game])))
        : h("p", { class: "hush" }, "Quiet just now. Lay out a board: somebody will come."));
    } catch (err) {
      if (!gone && shown === "") fill(rooms, h("p", { class: "hush" }, sentence(err)));
    }
  };

  greet();
  fill(main, yard(), h("div", { class: "lobby" }, h("h1", {}, "Come and play in the yard."), who, resume, buttons, codeForm, rooms));
  if (invited && !client.signedIn) input.focus();
  look();
  const timer = setInterval(() => !document.hidden && look(), LOOK_MS);
  return () => {
    gone = true;
    clearInterval(timer);
  };
}
