import { sentence } from "./texts.js";
import { action, confirm, fill, h, toast } from "./ui.js";

/**
 * Who we are: name, a few words, how to come back, and the ways out.
 *
 * @type {import("./app.js").View}
 */
export function meView(app, main) {
  document.title = "Me · Madang";
  const { client } = app;
  const user = client.user;
  const name = h("input", { id: "my-name", "data-testid": "my-name", maxlength: "24", autocomplete: "nickname", spellcheck: "false", value: user?.name ?? "" });
  const about = h("input", { id: "my-about", "data-testid": "my-about", maxlength: "160", placeholder: "A few words about you", value: /** @type {any} */ (user)?.about ?? "" });
  const keep = h("section", { class: "sheet", "aria-label": "Your way back in" });
  let gone = false;

  const save = action({ class: "button go", "data-testid": "save-me" }, async () => {
    try {
      await client.change({ name: name.value.trim(), about: about.value.trim() });
      toast("Saved.");
    } catch (err) {
      toast(sentence(err));
    }
  }, "Save");

  const look = async () => {
    try {
      const { identities } = await client.request("GET", "/v1/user/identities");
      if (gone) return;
      const has = identities.map((/** @type {{platform: string}} */ i) => i.platform);
      if (has.includes("password")) {
        fill(keep, h("h2", {}, "Your way back in"), h("p", { class: "hint", "data-testid": "kept" }, "This account has a password: come in with it on any device."));
        return;
      }
      fill(keep, h("h2", {}, "Keep this account"), h("p", { class: "hint" }, "So far only this tab knows who you are. With a password you can come back from anywhere, and keep what you have."),
        passwordForm("Keep it", async (token) => {
          await client.link({ platform: "password", token });
          toast("Kept. Come in with it anywhere.");
          await look();
        }));
    } catch (err) {
      if (!gone) fill(keep, h("p", { class: "hush" }, sentence(err)));
    }
  };

  const out = action({ class: "button", "data-testid": "sign-out" }, async () => {
    if (!await confirm("Go home? Without a password nobody can come back to this account.", "Go home", "Stay")) return;
    await client.signOut().catch((err) => toast(sentence(err)));
    app.tables.clear();
    app.go("/");
  }, "Go home");
  const remove = action({ class: "button plain", "data-testid": "delete-me" }, async () => {
    if (!await confirm("Delete this account and everything it has? Nothing of it can be brought back.", "Delete everything", "Keep it")) return;
    try {
      await client.request("DELETE", "/v1/user");
    } catch (err) {
      return toast(sentence(err));
    }
    await client.signOut().catch(() => {}); // its session has ended with it
    app.tables.clear();
    app.go("/");
  }, "Delete my account");

  fill(main, h("div", { class: "place" }, h("h1", {}, "You"),
    h("form", { class: "sheet", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); save.click(); } },
      h("label", { for: "my-name" }, "Name"), name, h("label", { for: "my-about" }, "About"), about, h("div", { class: "row" }, save)),
    keep, h("section", { class: "sheet", "aria-label": "The ways out" }, h("div", { class: "row" }, out, remove))));
  look();
  return () => { gone = true; };
}

/**
 * A form for a login name and its password.
 *
 * @param {string} verb
 * @param {(token: string) => Promise<void>} submit
 */
export function passwordForm(verb, submit) {
  const login = h("input", { id: "login", "data-testid": "login", maxlength: "64", autocomplete: "username", autocapitalize: "none", spellcheck: "false", placeholder: "Login name or e-mail" });
  const password = h("input", { id: "password", "data-testid": "password", type: "password", maxlength: "128", autocomplete: "current-password", placeholder: "Password, 8 characters or more" });
  const button = action({ class: "button go", "data-testid": "password-go" }, async () => {
    const who = login.value.trim();
    if (!who || who.includes(":")) return toast("Write a login name without a colon.");
    if (password.value.length < 8) return toast("A password has 8 characters or more.");
    try {
      await submit(`${who}:${password.value}`);
    } catch (err) {
      toast(sentence(err));
    }
  }, verb);
  return h("form", { class: "stack", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); button.click(); } },
    h("label", { for: "login", class: "unseen" }, "Login name"), login, h("label", { for: "password", class: "unseen" }, "Password"), password, h("div", { class: "row" }, button));
}
