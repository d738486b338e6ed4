import { byId, fill, h, set } from "./ui.js";

/** The places of the page, by their addresses: a name, and a picture drawn on 24 by 24. @type {[string, string, string][]} */
const places = [
  ["/", "Yard", "M3 11 12 5l9 6M5 11v8h14v-8M10 19v-5h4v5"],
  ["/friends", "Friends", "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.500M18 14a6.500 6.500 0 0 1 3.500 6"],
  ["/bag", "Bag", "M6 9h12l1 11H5L6 9ZM9 9V7a3 3 0 0 1 6 0v2"],
  ["/ranks", "Ranks", "M4 20v-6h5v6M9 20V8h6v12M15 20v-9h5v9M3 20h18"],
  ["/me", "Me", "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20a7.5 7.5 0 0 1 15 0"],
];

/**
 * Shows where one can go, for who has come in.
 *
 * @param {import("./app.js").App} app
 */
export function showPlaces(app) {
  const nav = byId("nav");
  const here = location.hash.slice(1) || "/";
  document.body.dataset.place = here.startsWith("/room/") ? "room" : "";
  nav.hidden = !app.client.signedIn;
  if (nav.childElementCount === 0) {
    fill(nav, ...places.map(([path, name, picture]) => h("a", { href: `#${path}`, "data-testid": `go-${name.toLowerCase()}` }, icon(picture), h("span", {}, name))));
  }
  for (const link of nav.children) {
    const path = link.getAttribute("href")?.slice(1) ?? "";
    set(link, "aria-current", (path === here || (path !== "/" && here.startsWith(`${path}/`))) && "page");
    if (path !== "/friends") continue;
    const { waiting } = app.social;
    link.querySelector("i")?.remove();
    if (waiting > 0) link.append(h("i", { "data-testid": "waiting", "aria-label": `${waiting} wait for you` }, String(waiting)));
  }
}

/** @param {string} path */
function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
