import { sentence } from "./texts.js";
import { byId, fill, h } from "./ui.js";

/** @type {ReturnType<typeof setInterval> | undefined} */
let counting;

/**
 * Shows the connection's state in the pill, and over the page when playing on takes a decision.
 *
 * @param {import("./app.js").App} app
 */
export function showState(app) {
  const pill = byId("conn");
  const state = app.client.state;
  clearInterval(counting);
  pill.dataset.state = state.name;
  if (state.name === "waiting") {
    const count = () => {
      const seconds = Math.ceil((state.until - Date.now()) / 1000);
      pill.textContent = seconds > 0 ? `reconnecting in ${seconds} s` : "reconnecting…";
    };
    count();
    counting = setInterval(count, 250);
  } else {
    pill.textContent = {
      idle: app.client.signedIn ? "resting" : "not signed in",
      connecting: "connecting…",
      live: "live",
      ended: state.name === "ended" && state.code === "session_replaced" ? "playing elsewhere" : "signed out",
    }[state.name];
  }
  const banner = document.getElementById("elsewhere");
  if (state.name !== "ended") return banner?.remove();
  if (banner) return;
  const again = h("button", { class: "button go", type: "button", "data-testid": "play-here", onclick: async () => {
    again.disabled = true;
    await app.comeBack();
    again.disabled = false;
  } }, state.code === "session_replaced" ? "Play here" : "Come in again");
  const box = h("section", { id: "elsewhere", role: "alertdialog", "aria-label": "Connection ended" });
  fill(box, h("p", {}, sentence(state.code)), again);
  document.body.append(box);
  again.focus();
}
