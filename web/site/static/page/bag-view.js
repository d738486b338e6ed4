import { inUse, PREFIX, use } from "./stones.js";
import { sentence } from "./texts.js";
import { action, fill, h, toast } from "./ui.js";

/** @typedef {{id: string, name: string, price?: number, per_player: number}} Item */

/**
 * What we have, and what can be bought.
 *
 * @type {import("./app.js").View}
 */
export function bagView(app, main) {
  document.title = "Bag · Madang";
  const { client } = app;
  const me = client.user?.id ?? "";
  const purse = h("p", { class: "purse" });
  const shelf = h("ul", { class: "cards", "data-testid": "items" });
  const diary = h("section", { class: "diary", "aria-label": "What came and went" });
  let gone = false;

  /** @param {Item} item @param {number} owned @param {number} gold */
  const card = (item, owned, gold) => {
    const set = item.id.startsWith(PREFIX);
    const laid = set && owned > 0 && inUse(me) === item.id;
    const full = owned >= item.per_player;
    const missing = (item.price ?? 0) - gold;
    return h("li", { class: "card", "data-item": item.id, "data-owned": owned, "data-laid": laid },
      set ? h("span", { class: "pair", "data-set": item.id, "aria-hidden": "true" }, h("i", { class: "b" }), h("i", { class: "w" })) : h("span", { class: "pair", "aria-hidden": "true" }),
      h("b", {}, item.name),
      h("small", {}, owned > 0 ? (item.per_player === 1 ? "yours" : `you have ${owned}`) : item.price ? `${item.price} gold` : "not for sale"),
      set && owned > 0 && action({ class: laid ? "button plain" : "button go", "data-testid": "lay" }, async () => {
        use(me, laid ? "" : item.id);
        await look();
      }, laid ? "Put away" : "Lay out"),
      !full && item.price !== undefined && action({ class: "button", "data-testid": "buy", disabled: missing > 0, title: missing > 0 && `${missing} gold more and it is yours` }, async () => {
        try {
          await client.request("POST", `/v1/items/${encodeURIComponent(item.id)}/purchase`, {});
          toast(`${item.name}: yours now.`);
          await client.me();
        } catch (err) {
          toast(sentence(err));
        }
        await look();
      }, missing > 0 ? `${missing} to go` : `Buy for ${item.price}`));
  };

  const look = async () => {
    try {
      const [{ items }, has, { entries }] = await Promise.all([
        client.request("GET", "/v1/items"), client.request("GET", "/v1/user/items"), client.request("GET", "/v1/user/ledger?limit=12")]);
      if (gone) return;
      const owned = new Map(has.items.map((/** @type {{id: string, count: number}} */ i) => [i.id, i.count]));
      const names = new Map(items.map((/** @type {Item} */ i) => [i.id, i.name]));
      fill(purse, h("span", { class: "coin", "aria-hidden": "true" }), h("b", { "data-testid": "gold" }, String(has.gold)), " gold");
      fill(shelf, ...items.map((/** @type {Item} */ i) => card(i, owned.get(i.id) ?? 0, has.gold)));
      fill(diary, entries.length > 0 && h("h2", {}, "What came and went"), entries.length > 0 && h("ul", {}, ...entries.map((/** @type {any} */ e) =>
        h("li", {}, h("span", {}, because(e.reason)), h("b", { "data-sign": e.amount < 0 ? "minus" : "plus" }, `${e.amount < 0 ? "−" : "+"}${Math.abs(e.amount)} ${names.get(e.item) ?? e.item}`)))));
    } catch (err) {
      if (!gone) toast(sentence(err));
    }
  };

  fill(main, h("div", { class: "place" }, h("h1", {}, "Your bag"), purse,
    h("p", { class: "hint" }, "Each win brings 10 gold, a draw 5. Stones look so on your own board."), shelf, diary));
  look();
  return () => { gone = true; };
}

/** @param {string} reason */
function because(reason) {
  return { room: "A game", opening: "From the start", purchase: "Bought", consume: "Used up", transfer: "Given" }[reason] ?? reason;
}
