import { sentence } from "./texts.js";
import { action, byId, fill, h, set, toast } from "./ui.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/**
 * A relay room as a conversation. Returns what takes it away.
 *
 * @param {import("./app.js").App} app
 * @param {HTMLElement} main
 * @param {import("./chat.js").Chat} chat
 */
export function chatView(app, main, chat) {
  document.title = "Chat · Madang";
  const me = app.client.user?.id;
  const lines = h("ol", { class: "lines", role: "log", "aria-label": "Conversation", tabindex: "0" });
  const people = h("ul", { class: "people", "data-testid": "members", "aria-label": "Who is here" });
  const input = h("input", {
    "data-testid": "chat-input", maxlength: "2000", autocomplete: "off", enterkeyhint: "send", "aria-label": "Say something", placeholder: "Say something…",
  });
  const send = h("button", { class: "button go", "data-testid": "chat-send" }, "Send");
  const form = h("form", { class: "say", onsubmit: (/** @type {Event} */ e) => {
    e.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    chat.say(text).catch((err) => toast(sentence(err)));
    input.focus();
  } }, input, send);
  const leave = action({ class: "button plain", "data-testid": "leave" }, async () => {
    try {
      await chat.room.leave();
      app.go("/");
    } catch (err) {
      toast(sentence(err));
    }
  }, "Leave");

  /** What each line is shown as, so that only news is drawn. @type {Map<import("./chat.js").Line, HTMLElement>} */
  let items = new Map();
  const draw = () => {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 60;
    const now = new Map();
    for (const line of chat.lines) {
      const item = items.get(line) ?? itemOf(line);
      set(item, "data-state", line.state);
      const name = item.querySelector(".from");
      if (name) name.textContent = chat.people.name(line.from);
      now.set(line, item);
    }
    for (const [line, item] of items) if (!now.has(line)) item.remove();
    let i = 0;
    for (const item of now.values()) {
      if (lines.children[i] !== item) lines.insertBefore(item, lines.children[i] ?? null);
      i++;
    }
    items = now;
    fill(people, ...chat.people.list.map((p) => h("li", { "data-user": p.id, "data-here": String(p.here), title: p.here ? "here" : "connection lost" },
      h("span", { class: "dot", "aria-hidden": "true" }), p.id === me ? `${p.name} (you)` : p.name, !p.here && h("span", { class: "unseen" }, ", connection lost"))));
    const over = chat.room.ended;
    input.disabled = send.disabled = over !== undefined;
    leave.hidden = over !== undefined;
    if (over) input.placeholder = sentence(over.code === "left" ? over.reason : over.code);
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  };

  /** @param {import("./chat.js").Line} line */
  const itemOf = (line) => line.state === "news"
    ? h("li", { class: "news" }, h("span", { class: "from" }), ` ${line.text}`)
    : h("li", { class: line.from === me ? "line mine" : "line", "data-testid": "chat-line" },
      h("span", { class: "meta" }, h("b", { class: "from" }), " ", h("time", { datetime: new Date(line.time).toISOString() }, clock.format(line.time))),
      h("p", { class: "text" }, line.text), h("span", { class: "mark" }));

  chat.addEventListener("change", draw);
  fill(main, h("div", { class: "chat" },
    h("nav", { class: "steps" }, h("a", { class: "back", href: "#/" }, "‹ Yard"), h("h1", { class: "turn" }, "Chat room"), h("span", { class: "tools" }, leave)),
    people, lines, form));
  draw();
  lines.scrollTop = lines.scrollHeight;
  if (matchMedia("(hover: hover)").matches) input.focus();
  byId("live").textContent = "";
  return () => {
    chat.removeEventListener("change", draw);
    app.clear(chat);
  };
}
