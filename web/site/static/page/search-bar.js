import { sentence } from "./texts.js";
import { action, byId, fill, h, toast } from "./ui.js";

const reasons = { silent: "Somebody did not answer in time.", player_left: "Somebody has left your party.", seated: "You have sat down somewhere else.", refused: "That match can't be played." };

/**
 * The search for a match, on every page: how long it has lasted, and the way out of it. When it is found we go there.
 *
 * @param {import("./app.js").App} app
 */
export function searchBar(app) {
  const bar = byId("search");
  const { search } = app;
  const time = h("b", { "data-testid": "search-time" });
  /** @param {() => Promise<void>} work */
  const tried = (work) => async () => {
    try {
      await work();
    } catch (err) {
      toast(sentence(err));
    }
  };
  const cancel = action({ class: "button", "data-testid": "search-cancel" }, tried(() => search.cancel()), "Stop looking");
  const yes = action({ class: "button go", "data-testid": "search-accept" }, tried(() => search.answer(true)), "Play");
  const no = action({ class: "button", "data-testid": "search-decline" }, tried(() => search.answer(false)), "Not now");
  let shown = "";

  const tick = () => {
    const { seconds } = search;
    time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  setInterval(tick, 500);
  search.addEventListener("change", () => {
    const state = search.ticket?.state ?? "";
    bar.hidden = state === "";
    tick();
    if (state === shown) return;
    shown = state;
    if (state === "waiting") fill(bar, h("i", { class: "lantern", "aria-hidden": "true" }), h("span", {}, "Looking for somebody of your strength… ", time), cancel);
    if (state === "found") fill(bar, h("i", { class: "lantern", "aria-hidden": "true" }), h("span", {}, "Somebody is there!"), yes, no);
  });
  search.addEventListener("placed", (e) => {
    const { room, stomp } = /** @type {CustomEvent<import("./search.js").Ticket>} */ (e).detail;
    if (room && stomp) app.play(async () => app.client.open({ room, stomp }));
  });
  search.addEventListener("over", (e) => {
    const { state, reason } = /** @type {CustomEvent<import("./search.js").Ticket>} */ (e).detail;
    if (state === "cancelled" && !reason) return;
    toast(/** @type {Record<string, string>} */ (reasons)[reason ?? ""] ?? (state === "expired" ? "Nobody of your strength is about. Try again, or play against a bot." : "The match did not come about."));
  });
}
