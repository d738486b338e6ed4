import { fill, h } from "./ui.js";

/**
 * Shows somebody's invitation to a room, until it is answered.
 *
 * @param {import("./app.js").App} app
 */
export function invitations(app) {
  app.social.addEventListener("invited", (e) => {
    const { room, game, from } = /** @type {CustomEvent<{room: string, game: string, from: {name: string}}>} */ (e).detail;
    document.getElementById("invited")?.remove();
    const box = h("section", { id: "invited", class: "banner", role: "alertdialog", "aria-label": "Invitation" });
    const close = () => box.remove();
    fill(box, h("p", {}, h("b", {}, from.name), game === "othello" ? " would like to play Othello with you." : " asks you into a chat room."),
      h("div", { class: "row" }, h("button", { class: "button go", type: "button", "data-testid": "invited-go", onclick: () => {
        close();
        app.play(() => app.client.join(room));
      } }, "Come"), h("button", { class: "button plain", type: "button", onclick: close }, "Not now")));
    document.body.append(box);
  });
}
