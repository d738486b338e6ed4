import { Problem } from "../madang.js";

/** What players read for each code. The one table. @type {Record<string, string>} */
const sentences = {
  network: "The server can't be reached just now. Is your connection there?",
  unavailable: "The yard is busy for a moment. Please try again.",
  broker_unavailable: "The yard is busy for a moment. Please try again.",
  room_unavailable: "This room is busy for a moment. Please try again.",
  maintenance: "The yard is closed for maintenance. Come back a little later.",
  internal: "Something broke on our side. Please try again.",
  rate_limited: "That was a little fast. Take a breath, then try again.",
  queue_full: "The room has too much to do just now. Please try again.",
  outbox_full: "Too much is waiting for your connection. Please wait a moment.",
  no_answer: "The room did not answer. Please try again.",
  not_signed_in: "Your visit has ended. Come in again to go on.",
  session_replaced: "You are playing in another tab now.",
  signed_out: "You have gone home.",
  invalid_name: "A name has 1 to 24 letters, digits, spaces or . _ - '",
  name_taken: "Somebody has that name already. Another one?",
  invalid_profile: "These words can't be used. Fewer, on one line?",
  user_not_registered: "Nobody has registered by that name.",
  wrong_token: "Name and password don't go together.",
  already_registered: "There is an account with that login name already.",
  identity_taken: "There is an account with that login name already.",
  platform_linked: "This account has a password already.",
  not_enough_gold: "That costs more gold than you have.",
  not_enough_items: "You have not as many.",
  inventory_full: "You have as many of these as one can have.",
  not_for_sale: "That is not for sale.",
  already_searching: "You are looking for a match already.",
  already_seated: "You sit in a game already. Finish it first.",
  unknown_mode: "There are no matches for that here.",
  ticket_not_found: "That search is over.",
  in_party: "You are in a party already.",
  party_full: "That party is full.",
  party_not_found: "There is no such party (any more).",
  party_changed: "The party has changed. Please try again.",
  not_leader: "Only who leads the party can do that.",
  too_many_invitations: "Too many invitations wait for an answer.",
  user_not_found: "There is no such player (any more).",
  unreachable: "That player can't be reached.",
  not_asked: "That request has been taken back.",
  too_many: "That is as many as one can have.",
  message_not_found: "That message is gone.",
  code_not_found: "No table has that code.",
  banned: "You may not come in there.",
  not_owner: "Only the owner of the room can do that.",
  spectator: "You only watch here.",
  unknown_item: "There is no such thing here.",
  unknown_board: "There is no such ranking here.",
  room_full: "Every seat in that room is taken.",
  room_closed: "That room has closed.",
  closed: "That room has closed.",
  left: "You have left that room.",
  room_not_found: "There is no such room (any more).",
  not_seated: "You have no seat in that room any more.",
  unknown_game: "That game is not played here.",
  timeout: "You were away too long, so your seat is free again.",
  unknown_type: "The room does not know that move.",
  bad_message: "The room did not understand that.",
  bad_square: "That is no square of the board.",
  illegal_move: "No disc would turn there. Try a marked square.",
  not_your_turn: "Patience: it is not your turn.",
  not_started: "Wait for a second player first.",
  game_over: "This game is over.",
};

/**
 * A short sentence for what went wrong.
 *
 * @param {unknown} problem a code, or what was thrown
 */
export function sentence(problem) {
  const code = problem instanceof Problem ? problem.code : typeof problem === "string" ? problem : "";
  if (!(code in sentences)) console.error("no sentence for", problem);
  return sentences[code] ?? (problem instanceof Problem && problem.status > 0 && problem.status < 500
    ? "That did not work. Please try something else." : "Something went wrong. Please try again.");
}

/**
 * A player whose name we have not heard.
 *
 * @param {string} id
 */
export function stranger(id) {
  return `Guest ${id.replace(/[^0-9a-z]/gi, "").slice(-4) || "?"}`;
}
