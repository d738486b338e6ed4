import { sentence } from "./texts.js";
import { action, confirm, fill, h, toast } from "./ui.js";

/** @type {Record<string, string>} */
const games = { othello: "plays Othello", relay: "chats", arena: "runs in the arena" };

/**
 * Friends, requests, and the party.
 *
 * @type {import("./app.js").View}
 */
export function friendsView(app, main) {
  document.title = "Friends · Madang";
  const { client, social } = app;
  const requests = h("section", { class: "plain-list", "aria-label": "Requests" });
  const list = h("section", { class: "plain-list", "aria-label": "Friends" });
  const party = h("section", { class: "sheet", "aria-label": "Party" });
  const name = h("input", { id: "friend-name", "data-testid": "friend-name", maxlength: "24", autocomplete: "off", spellcheck: "false", placeholder: "A player's name", enterkeyhint: "go" });

  /**
   * Does it, and looks how things stand then.
   *
   * @param {() => Promise<unknown>} work
   * @param {string} [done] what to say
   */
  const tried = (work, done) => async () => {
    try {
      await work();
      if (done) toast(done);
    } catch (err) {
      toast(sentence(err));
    }
    await social.look();
  };
  /** @param {string} method @param {string} path @param {unknown} [body] */
  const call = (method, path, body) => client.request(method, `/v1/${path}`, body);

  const ask = action({ class: "button go", "data-testid": "friend-ask" }, async () => {
    const who = name.value.trim();
    if (!who) return name.focus();
    await tried(async () => {
      const { friend } = await call("POST", "user/friends", { name: who });
      name.value = "";
      toast(friend.state === "friends" ? `${friend.name} and you are friends now.` : `${friend.name} has been asked.`);
    })();
  }, "Ask");

  /** @param {string} title @param {string} note @param {Record<string, unknown>} attributes @param {...(Node | false)} buttons */
  const row = (title, note, attributes, ...buttons) => h("li", { class: "seat", ...attributes },
    h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "title" }, h("b", {}, title), note && h("small", {}, note)), h("span", { class: "row" }, ...buttons));

  let shown = "";
  const draw = () => {
    const text = JSON.stringify([social.friends, social.party, social.invitations, social.talks.map((t) => [t.user, t.unread])]);
    if (text === shown) return; // so that focus and a pressed button stay
    shown = text;
    const asking = social.friends.filter((f) => f.state === "asking");
    fill(requests, asking.length > 0 && h("h2", {}, "They would like to be friends"), asking.length > 0 && h("ul", {}, ...asking.map((f) => row(f.name, "", { "data-testid": "request", "data-user": f.user },
      action({ class: "button go", "data-testid": "friend-accept" }, tried(() => call("POST", `user/friends/${f.user}/accept`)), "Yes"),
      action({ class: "button plain" }, tried(() => call("DELETE", `user/friends/${f.user}`)), "No")))));

    const known = social.friends.filter((f) => f.state === "friends" || f.state === "asked")
      .sort((a, b) => Number(b.presence?.online ?? false) - Number(a.presence?.online ?? false) || a.name.localeCompare(b.name));
    fill(list, h("h2", {}, "Your friends"), known.length === 0 ? h("p", { class: "hush" }, "Nobody yet. Ask somebody you have played with.") : h("ul", {}, ...known.map((f) => {
      const unread = social.talks.find((t) => t.user === f.user)?.unread ?? 0;
      const where = f.state === "asked" ? "asked, no answer yet" : f.presence?.online ? games[f.presence.game ?? ""] ?? "is here" : "away";
      return row(f.name, where, { "data-testid": "friend", "data-user": f.user, "data-online": String(f.presence?.online ?? false) },
        f.state === "friends" && h("a", { class: "button", href: `#/friends/${f.user}`, "data-testid": "friend-write" }, "Write", unread > 0 && h("i", { class: "count-of" }, String(unread))),
        f.state === "friends" && f.presence?.online === true && action({ class: "button go", "data-testid": "friend-play" }, () => app.playWith(f.user), "Play"),
        f.state === "asked" && action({ class: "button plain" }, tried(() => call("DELETE", `user/friends/${f.user}`)), "Take back"));
    })));
    drawParty();
  };

  const drawParty = () => {
    const me = client.user?.id;
    const p = social.party;
    if (!p) {
      const code = h("input", { id: "party-code", "data-testid": "party-code", maxlength: "20", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", placeholder: "Code of a party" });
      fill(party, h("h2", {}, "Party"), h("p", { class: "hint" }, "A party stays together: whoever leads it looks for a match for all."),
        ...social.invitations.map((i) => h("div", { class: "row", "data-testid": "party-invitation" }, h("span", { class: "title" }, `${i.name} invites you.`),
          action({ class: "button go", "data-testid": "party-accept" }, tried(() => call("POST", "parties/join", { party: i.party })), "Come along"),
          action({ class: "button plain" }, tried(() => call("POST", `parties/${i.party}/decline`)), "No"))),
        h("div", { class: "row" }, action({ class: "button", "data-testid": "party-make" }, tried(() => call("POST", "parties", {})), "Make a party"), code,
          action({ class: "button", "data-testid": "party-join" }, tried(() => call("POST", "parties/join", { code: code.value.trim() })), "Join")));
      return;
    }
    const leads = p.leader === me;
    const away = social.friends.filter((f) => f.state === "friends" && f.presence?.online && !p.members.some((m) => m.user === f.user));
    fill(party, h("h2", {}, "Your party"), h("p", {}, "Code: ", h("b", { class: "code", "data-testid": "party-own-code" }, p.code), h("span", { class: "hint" }, ` · ${p.members.length} of ${p.size}`)),
      h("ul", { class: "people-list" }, ...p.members.map((m) => h("li", { class: "row", "data-testid": "party-member", "data-user": m.user },
        h("span", { class: "title" }, m.name, m.user === me && " (you)", m.user === p.leader && h("small", {}, " leads")),
        leads && m.user !== me && action({ class: "button plain" }, tried(() => call("POST", `parties/${p.id}/kick`, { user: m.user })), "Send away")))),
      away.length > 0 && p.members.length < p.size && h("div", { class: "row" }, ...away.slice(0, 6).map((f) =>
        action({ class: "button", "data-testid": "party-invite" }, tried(() => call("POST", `parties/${p.id}/invite`, { user: f.user }), `${f.name} is invited.`), `Invite ${f.name}`))),
      h("div", { class: "row" }, p.members.length > 1 && action({ class: "button go", "data-testid": "party-chat" }, () => app.playWith(...p.members.filter((m) => m.user !== me).map((m) => m.user)), p.members.length === 2 ? "Play Othello together" : "Chat together"),
        action({ class: "button plain", "data-testid": "party-leave" }, async () => {
          if (p.members.length === 1 || await confirm("Leave your party?", "Leave", "Stay")) await tried(() => call("POST", `parties/${p.id}/leave`))();
        }, "Leave the party")));
  };

  fill(main, h("div", { class: "place" }, h("h1", {}, "Friends"),
    h("form", { class: "row", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); ask.click(); } }, h("label", { for: "friend-name", class: "unseen" }, "A player's name"), name, ask),
    requests, list, party));
  draw();
  social.look();
  social.addEventListener("change", draw);
  return () => social.removeEventListener("change", draw);
}
