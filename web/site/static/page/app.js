import { Client, Problem } from "../madang.js";
import { ArenaGame } from "./arena-game.js";
import { arenaView } from "./arena-view.js";
import { Chat } from "./chat.js";
import { chatView } from "./chat-view.js";
import { friendsView } from "./friends-view.js";
import { invitations } from "./invitation.js";
import { bagView } from "./bag-view.js";
import { lobbyView } from "./lobby-view.js";
import { meView } from "./me-view.js";
import { showPlaces } from "./nav.js";
import { noticeBar } from "./notice-bar.js";
import { OthelloGame } from "./othello-game.js";
import { othelloView } from "./othello-view.js";
import { showState } from "./pill.js";
import { Social } from "./social.js";
import { talkView } from "./talk-view.js";
import { Search } from "./search.js";
import { searchBar } from "./search-bar.js";
import { ranksView } from "./ranks-view.js";
import { lay } from "./stones.js";
import { sentence } from "./texts.js";
import { byId, fill, h, toast } from "./ui.js";

/** @typedef {(app: App, main: HTMLElement) => (() => void)} View what it returns takes the view away */

/** The places besides the yard and its rooms. @type {Record<string, View>} */
const places = { "/friends": friendsView, "/bag": bagView, "/ranks": ranksView, "/me": meView };

/**
 * The page as its views see it. Games live here, not in their views, so that one can look around in the yard while the
 * other player thinks.
 */
export class App {
  client = new Client();
  search = new Search(this.client);
  social = new Social(this.client);
  /** @type {Map<string, OthelloGame | Chat | ArenaGame>} by room */
  tables = new Map();
  /** Rooms that we have asked a bot into. @type {Set<string>} */
  withBot = new Set();
  #notices = noticeBar(this);
  #shown = 0;
  /** @type {unknown} the one that we listen to */
  #inbox;
  /** @type {() => void} */
  #leaveView = () => {};

  async start() {
    this.client.on("state", () => this.#turned());
    addEventListener("hashchange", () => this.show());
    this.#turned();
    searchBar(this);
    invitations(this);
    this.social.addEventListener("change", () => showPlaces(this));
    if (this.client.signedIn) {
      try {
        await this.enter();
      } catch (err) {
        toast(sentence(err));
      }
    }
    await this.show();
  }

  /**
   * Signs in if need be and connects.
   *
   * @param {string} [name] of a new guest
   */
  async enter(name) {
    await this.client.signIn({ name });
    this.arrive();
  }

  /** Connects who is signed in, and listens to what is said outside of rooms. */
  arrive() {
    const inbox = this.client.inbox();
    if (inbox === this.#inbox) return this.client.connect();
    this.#inbox = inbox;
    this.search.listen();
    this.social.listen();
    this.#notices.listen();
  }

  #turned() {
    showState(this);
    showPlaces(this);
    lay(this.client.signedIn && this.client.user?.id || "");
  }

  /** Takes the connection back from another tab, or comes in again. */
  async comeBack() {
    try {
      await this.enter();
      await this.show();
    } catch (err) {
      toast(sentence(err));
    }
  }

  /** @param {string} path */
  go(path) {
    if (location.hash === `#${path}`) this.show();
    else location.hash = path;
  }

  /**
   * Opens what a button asks for, and says why if that does not work.
   *
   * @param {() => Promise<import("../madang.js").Room>} open
   */
  async play(open) {
    try {
      const room = await open();
      this.#seat(room);
      this.go(`/room/${room.id}`);
    } catch (err) {
      toast(sentence(err));
      if (err instanceof Problem && err.status === 401) showState(this);
    }
  }

  /**
   * Sits down with these players: at a board with one, in a chat room with more. They are told, and come if they like.
   *
   * @param {...string} users
   */
  async playWith(...users) {
    await this.play(async () => {
      const room = await this.client.create(users.length === 1 ? "othello" : "relay", undefined, { private: true });
      this.#seat(room); // before we wait: it is talking already
      const all = await Promise.allSettled(users.map((user) => room.invite(user)));
      const failed = all.find((one) => one.status === "rejected");
      toast(failed ? sentence(failed.reason) : users.length === 1 ? "Your friend is invited." : "All are invited.");
      return room;
    });
  }

  /** A new game of Othello, with a bot on the other side if there is one. */
  async createWithBot() {
    const room = await this.client.create("othello");
    this.#seat(room);
    try {
      await this.client.request("POST", `/v1/rooms/${encodeURIComponent(room.id)}/bot`);
      this.withBot.add(room.id);
    } catch (err) {
      const none = err instanceof Problem && (err.status === 404 || err.status === 501);
      toast(none ? "No bot is at home here. Send a friend the link, or wait for a guest." : sentence(err));
    }
    return room;
  }

  /** Shows what the address names. */
  async show() {
    const turn = ++this.#shown;
    this.#leaveView();
    this.#leaveView = () => {};
    const main = byId("main");
    showPlaces(this);
    const code = /^#\/code\/(.+)$/.exec(location.hash)?.[1];
    if (code && this.client.signedIn) {
      await this.play(() => this.client.joinByCode(decodeURIComponent(code)));
      if (location.hash === `#/code/${code}`) this.go("/"); // it has not worked
      return;
    }
    const friend = /^#\/friends\/(.+)$/.exec(location.hash)?.[1];
    /** @type {View | undefined} */
    const view = friend ? (app, into) => talkView(app, into, decodeURIComponent(friend)) : places[location.hash.slice(1)];
    if (view && this.client.signedIn) {
      this.#leaveView = view(this, main);
      main.focus({ preventScroll: true });
      scrollTo(0, 0);
      return;
    }
    const id = /^#\/room\/(.+)$/.exec(location.hash)?.[1];
    if (!id || !this.client.signedIn) {
      this.#leaveView = lobbyView(this, main, id ?? code);
      return;
    }
    let table = this.tables.get(id);
    if (!table) {
      fill(main, h("p", { class: "hush" }, "Opening the gate…"));
      try {
        const room = await this.client.join(decodeURIComponent(id));
        table = this.#seat(room);
      } catch (err) {
        if (turn !== this.#shown) return;
        toast(sentence(err));
        this.go("/");
        return;
      }
      if (turn !== this.#shown) return;
    }
    this.#leaveView = table instanceof OthelloGame ? othelloView(this, main, table)
      : table instanceof ArenaGame ? arenaView(this, main, table) : chatView(this, main, table);
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /** @param {import("../madang.js").Room} room */
  #seat(room) {
    const me = this.client.user;
    if (!me) throw new Error("not signed in");
    let table = this.tables.get(room.id);
    if (!table) {
      table = room.info.game === "othello" ? new OthelloGame(room, me) : room.info.game === "arena" ? new ArenaGame(room, me) : new Chat(room, me);
      this.tables.set(room.id, table);
    }
    return table;
  }

  /** Forgets a table that nobody looks at any more, if it is over. @param {OthelloGame | Chat | ArenaGame} table */
  clear(table) {
    if (table.room.ended) this.tables.delete(table.room.id);
  }
}

new App().start();
