import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../static/page/chat.js";
import { OthelloGame } from "../static/page/othello-game.js";
import { sentence, stranger } from "../static/page/texts.js";
import { Problem } from "../static/madang.js";
import { seated } from "../testing/fake.mjs";

const me = { id: "me", name: "Mina" };
const clock = (t) => t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });
const board = ".".repeat(27) + "wb......bw" + ".".repeat(27);

async function game(t) {
  clock(t);
  const { room, socket } = await seated();
  const g = new OthelloGame(room, me);
  let n = 10;
  const say = (type, body, headers) => socket.message(`5-${++n}`, type, body, headers);
  return { g, room, socket, say };
}

test("an Othello game from the empty seat to the last word", async (t) => {
  const { g, socket, say } = await game(t);
  const said = [];
  g.addEventListener("said", (e) => said.push(e.detail));
  say("$snapshot", { board, next: null, moves: [], black: "me", white: null, over: null });
  assert.deepEqual([g.playing, g.myColor, g.myTurn, g.count("black")], [false, "black", false, 2]);
  say("$joined", { user: "you", name: "Jun" });
  say("started", { black: "me", white: "you" });
  assert.deepEqual([g.playing, g.myTurn, g.moves, g.nameOf("white")], [true, true, ["d3", "c4", "f5", "e6"], "Jun"]);
  g.put("d3");
  g.put("c4"); // one move at a time
  assert.deepEqual(socket.of("SEND").map((f) => [f.type, f.body]), [["put", '{"at":"d3"}']]);
  assert.deepEqual([g.waiting, g.legal("c4")], ["d3", false]);
  say("placed", { at: "d3", color: "black", flipped: ["d4"], board: board.replace("w", "b"), next: "white", moves: ["c3"] }, { from: "me" });
  assert.deepEqual([g.waiting, g.myTurn, g.last.at, g.count("black")], ["", false, "d3", 3]);
  say("passed", { color: "white", next: "black", moves: ["a1"] });
  assert.deepEqual([g.myTurn, g.legal("a1")], [true, true]);
  say("over", { winner: "black", black: 60, white: 4, reason: "finished" });
  say("$closed", { reason: "finished" });
  assert.deepEqual([g.playing, g.over.winner, g.room.ended.code], [false, "black", "closed"]);
  assert.deepEqual(said, ["Jun sat down.", "The game begins. You play black.", "You played d3 and turned 1 disc.", "Jun has no move and passes."]);
});

test("a refused move may be tried again", async (t) => {
  const { g, say } = await game(t);
  say("$snapshot", { board, next: "black", moves: ["d3"], black: { id: "me", name: "Mina" }, white: { id: "you", name: "Jun" }, over: null });
  const refused = [];
  g.addEventListener("refused", (e) => refused.push(e.detail));
  g.put("d3");
  assert.equal(g.waiting, "d3");
  say("error", { code: "illegal_move" }, { code: "illegal_move", request: 1 });
  assert.deepEqual([g.waiting, g.legal("d3"), refused], ["", true, ["illegal_move"]]);
});

test("presence follows the room's words", async (t) => {
  const { g, say } = await game(t);
  say("$joined", { user: "you", name: "Jun" });
  say("$suspended", { user: "you", name: "Jun", reason: "lost" });
  assert.equal(g.people.here("you"), false);
  say("$resumed", { user: "you", name: "Jun" });
  assert.equal(g.people.here("you"), true);
  say("$left", { user: "you", name: "Jun", reason: "timeout" });
  assert.deepEqual([g.people.here("you"), g.people.name("you")], [undefined, "Jun"]);
});

test("bodies that make no sense change nothing", async (t) => {
  const { g, say } = await game(t);
  say("$snapshot", { board, next: "black", moves: [], black: "me", white: "you", over: null });
  say("placed", { board: "<img>" });
  say("$joined", { user: 7 });
  say("$snapshot", []);
  assert.equal(g.board, board);
});

test("a chat line is pending until its receipt, and takes the room's place when it comes back", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const chat = new Chat(room, me);
  const shown = () => chat.lines.map((l) => [l.text, l.state]);
  const done = chat.say("hello");
  assert.deepEqual(shown(), [["hello", "pending"]]);
  const [frame] = socket.of("SEND");
  socket.message("5-11", "say", { text: "first" }, { from: "you" });
  socket.receipt(frame);
  await done;
  assert.deepEqual(shown(), [["hello", "said"], ["first", "said"]]);
  socket.message("5-12", "say", JSON.parse(frame.body), { from: "me" });
  assert.deepEqual(shown(), [["first", "said"], ["hello", "said"]]);
  socket.message("5-13", "say", JSON.parse(frame.body), { from: "you" }); // another's copy is no echo of ours
  assert.equal(chat.lines.length, 3);
});

test("a chat line that can't be sent any more says so", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const chat = new Chat(room, me);
  const done = chat.say("too late");
  socket.message("5-11", "$closed", { reason: "empty" });
  await assert.rejects(done, { code: "closed" });
  assert.equal(chat.lines[0].state, "failed");
});

test("members come from the snapshot, as ids or with their names", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const chat = new Chat(room, me);
  socket.message("5-11", "$snapshot", { players: ["id-7f3a", "me"] });
  assert.deepEqual(chat.people.list.map((p) => p.name), ["Mina", stranger("id-7f3a")]);
  socket.message("5-11", "$snapshot", { players: [{ id: "b", name: "Bo", online: false }, { id: "me", name: "Mina" }] });
  assert.deepEqual(chat.people.list.map((p) => [p.name, p.here]), [["Mina", true], ["Bo", false]]);
});

test("every problem has a sentence", (t) => {
  t.mock.method(console, "error", () => {});
  assert.match(sentence(new Problem(409, "room_full")), /seat/);
  assert.match(sentence(new Problem(409, "something_new")), /did not work/);
  assert.match(sentence(new Error("x")), /went wrong/);
});

test("the time to think runs by the server's clock, also for what comes late", async (t) => {
  const { g, say } = await game(t);
  const at = (ms) => ({ timestamp: 1e12 + ms - 5000 }); // our clock is five seconds ahead
  say("$snapshot", { board, next: "black", moves: ["d3"], black: "me", white: "you", over: null, turn_ms: 90_000 }, at(0));
  assert.equal(g.secondsLeft, 90);
  t.mock.timers.tick(30_000);
  assert.equal(g.secondsLeft, 60);
  say("placed", { at: "d3", color: "black", flipped: ["d4"], board, next: "white", moves: ["c3"], turn_ms: 40_000 }, at(10_000)); // missed, and replayed
  assert.equal(g.secondsLeft, 20);
  t.mock.timers.tick(25_000);
  assert.equal(g.secondsLeft, 0);
  say("over", { winner: "black", black: 3, white: 3, reason: "timeout" });
  assert.equal(g.secondsLeft, null);
});
