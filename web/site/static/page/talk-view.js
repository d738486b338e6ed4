import { sentence } from "./texts.js";
import { action, confirm, fill, h, toast } from "./ui.js";

const time = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });

/** @typedef {{n: number, from: string, text: string, at: string}} Message */

/**
 * What we and a friend have written. Returns what takes it away.
 *
 * @param {import("./app.js").App} app
 * @param {HTMLElement} main
 * @param {string} other an id
 */
export function talkView(app, main, other) {
  document.title = "Messages · Madang";
  const { client, social } = app;
  const path = `/v1/user/messages/${encodeURIComponent(other)}`;
  const title = h("h1", {}, social.nameOf(other) || "…");
  const lines = h("ol", { class: "letters", role: "log", "aria-label": "Messages" });
  const input = h("input", { "data-testid": "talk-input", maxlength: "1000", autocomplete: "off", enterkeyhint: "send", "aria-label": "Write a message", placeholder: "Write a message…" });
  /** @type {Map<number, Message>} */
  const all = new Map();
  let gone = false;

  let shown = -1;
  const draw = () => {
    title.textContent = social.nameOf(other) || title.textContent;
    if (all.size === shown) return;
    shown = all.size;
    const sorted = [...all.values()].sort((a, b) => a.n - b.n);
    fill(lines, ...sorted.map((m) => h("li", { "data-mine": m.from !== other, "data-testid": "letter" }, h("span", {}, m.text), h("time", { datetime: m.at }, time.format(new Date(m.at))))),
      sorted.length === 0 && h("li", { class: "hush" }, "Nothing yet. Say hello!"));
    lines.lastElementChild?.scrollIntoView({ block: "nearest" });
  };

  const look = async () => {
    try {
      const last = Math.max(0, ...all.keys());
      const { messages, read } = await client.request("GET", `${path}?limit=100${last ? `&after=${last}` : ""}`);
      if (gone) return;
      for (const m of messages) all.set(m.n, m);
      draw();
      const newest = Math.max(0, ...all.keys());
      if (newest > read) {
        await client.request("PUT", `${path}/read`, { n: newest });
        social.look();
      }
    } catch (err) {
      if (!gone) toast(sentence(err));
    }
  };

  const send = action({ class: "button go", "data-testid": "talk-send" }, async () => {
    const text = input.value.trim();
    if (!text) return;
    try {
      const { message } = await client.request("POST", path, { text });
      all.set(message.n, message);
      input.value = "";
      draw();
    } catch (err) {
      toast(sentence(err));
    }
    input.focus();
  }, "Send");

  const end = action({ class: "button plain" }, async () => {
    if (!await confirm("Be friends no more? What you have written stays.", "Unfriend", "Stay friends")) return;
    await client.request("DELETE", `/v1/user/friends/${encodeURIComponent(other)}`).catch((err) => toast(sentence(err)));
    social.look();
    app.go("/friends");
  }, "Unfriend");
  const block = action({ class: "button plain" }, async () => {
    if (!await confirm("Block this player? Neither of you can write to the other then.", "Block", "No")) return;
    await client.request("PUT", `/v1/user/blocks/${encodeURIComponent(other)}`).catch((err) => toast(sentence(err)));
    social.look();
    app.go("/friends");
  }, "Block");

  /** @param {Event} e */
  const heard = (e) => {
    if (/** @type {CustomEvent} */ (e).detail?.from === other) look();
  };
  social.addEventListener("message", heard);
  social.addEventListener("change", draw);
  fill(main, h("div", { class: "place talk" }, h("nav", { class: "steps" }, h("a", { class: "back", href: "#/friends" }, "‹ Friends"), title, h("span", { class: "tools" }, end, block)),
    lines, h("form", { class: "row say-it", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); send.click(); } }, input, send)));
  look();
  return () => {
    gone = true;
    social.removeEventListener("message", heard);
    social.removeEventListener("change", draw);
  };
}
