/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Makes an element. Attributes that are null, undefined or false are left out, true is empty, functions are listeners
 * (`onclick`). Children that are strings become text: nothing that a player writes is ever read as HTML.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(el, name, value);
  el.append(...shown(children));
  return el;
}

/**
 * @param {Element} el
 * @param {string} name
 * @param {unknown} value
 */
export function set(el, name, value) {
  if (typeof value === "function") el.addEventListener(name.replace(/^on/, ""), /** @type {EventListener} */ (value));
  else if (value === null || value === undefined || value === false) el.removeAttribute(name);
  else if (el.getAttribute(name) !== String(value === true ? "" : value)) el.setAttribute(name, value === true ? "" : String(value));
}

/**
 * Replaces an element's content.
 *
 * @param {Element} el
 * @param {...Child} children
 */
export function fill(el, ...children) {
  el.replaceChildren(...shown(children));
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function shown(children) {
  return /** @type {(Node | string)[]} */ (children.filter((c) => c !== null && c !== undefined && c !== false));
}

/**
 * Takes an element from the page by its id; the page is broken without it.
 *
 * @param {string} id
 */
export function byId(id) {
  const el = document.getElementById(id);
  if (!el) throw new Error(`no #${id} in the page`);
  return el;
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiding;

/**
 * Shows a short sentence for a few seconds; screen readers read it.
 *
 * @param {string} text
 */
export function toast(text) {
  const el = byId("toast");
  el.textContent = text;
  el.dataset.shown = "true";
  clearTimeout(hiding);
  hiding = setTimeout(() => (el.dataset.shown = "false"), 3000 + text.length * 50);
}

/**
 * Asks before something that can't be undone.
 *
 * @param {string} question
 * @param {string} yes
 * @param {string} no
 * @returns {Promise<boolean>}
 */
export function confirm(question, yes, no) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask", "aria-label": question, onclose: () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    } },
    h("p", {}, question),
    h("div", { class: "row" },
      h("button", { class: "button plain", onclick: () => dialog.close("no") }, no),
      h("button", { class: "button danger", "data-testid": "confirm", onclick: () => dialog.close("yes") }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Makes a button that can't be pressed again while its work is under way.
 *
 * @param {Record<string, unknown>} attributes
 * @param {() => Promise<void>} work
 * @param {...Child} children
 */
export function action(attributes, work, ...children) {
  const button = h("button", { type: "button", ...attributes, onclick: async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  } }, ...children);
  return button;
}
