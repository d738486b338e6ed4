/**
 * The sets of stones that one can buy, as the board shows them. Which set lies on a player's board is kept in the browser: the other
 * player has a board of its own.
 */

/** Every set of stones begins so. */
export const PREFIX = "stones-";

/** @param {string} user an id */
const key = (user) => `madang.stones.${user}`;

/** @param {string} user @returns {string} the set that the player uses, "" for the plain one */
export function inUse(user) {
  return localStorage.getItem(key(user)) ?? "";
}

/**
 * @param {string} user
 * @param {string} id of an item, "" for the plain set
 */
export function use(user, id) {
  if (id) localStorage.setItem(key(user), id);
  else localStorage.removeItem(key(user));
  lay(user);
}

/** Dresses the page in the set that the player uses. @param {string} user "" for nobody */
export function lay(user) {
  document.documentElement.dataset.stones = user && inUse(user);
}
