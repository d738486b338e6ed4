import assert from "node:assert/strict";
import { test } from "node:test";
import { ArenaGame, between, inWords } from "../static/page/arena-game.js";
import { seated } from "../testing/fake.mjs";

const me = { id: "me", name: "Mina" };
const rules = { size: 2000, sight: 300, reach: 20, speed: 200, ticks: 20, players: [{ id: "me", name: "Mina", online: true }, { id: "you", name: "Jun", online: true }] };

/** A player in the arena, whose clock stands at 1000 and moves with pass. */
async function arena(t) {
  let now = 1000;
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });
  t.mock.method(performance, "now", () => now);
  const { room, socket } = await seated();
  const game = new ArenaGame(room, me);
  let n = 10;
  const say = (type, body) => socket.message(`5-${++n}`, type, body);
  const pass = (ms) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  const frame = (tick, more = {}) => say("frame", { tick, you: [100, 100], seen: [], gone: [], coins: [], score: 0, ...more });
  say("$snapshot", { tick: 20, you: [100, 100], seen: [], gone: [], coins: [[7, 130, 100]], score: 0, ...rules });
  const steers = () => socket.of("SEND").filter((f) => f.type === "steer").map((f) => JSON.parse(f.body));
  return { game, room, socket, say, pass, frame, steers };
}

test("we go at once, and the room hears of it", async (t) => {
  const { game, pass, steers } = await arena(t);
  game.steer(1, 0);
  pass(50);
  game.move();
  assert.deepEqual(game.me, { x: 110, y: 100 });
  assert.deepEqual(steers().map(({ dx, dy }) => [dx, dy]), [[1, 0]]);
  game.steer(1, 1);
  assert.deepEqual(game.going, { x: 0.71, y: 0.71 });
});

test("steerings are not sent too often, and the last one always is", async (t) => {
  const { game, pass, steers } = await arena(t);
  for (const x of [0.1, 0.2, 0.3, 0.4]) game.steer(x, 0);
  assert.deepEqual(steers().map((s) => s.dx), [0.1]);
  pass(70);
  assert.deepEqual(steers().map((s) => s.dx), [0.1, 0.4]);
  const [a, b] = steers();
  assert.ok(b.n > a.n && a.n >= 1e12, "numbers rise over reloads, too");
});

test("what the room knows late is no error", async (t) => {
  const { game, pass, frame, steers } = await arena(t);
  game.steer(1, 0);
  for (let i = 1; i <= 40; i++) { // the room is 100 ms behind us
    pass(50);
    game.move();
    const known = i >= 2;
    frame(20 + i, { you: [100 + Math.max(0, i - 2) * 10, 100], ...(known && { n: steers()[0].n }) });
  }
  assert.ok(Math.abs(game.me.x - 500) < 8, `at ${game.me.x}, want 500`);
});

test("a wall that only the room knew of sets us right, little by little, and a great error at once", async (t) => {
  const { game, pass, frame } = await arena(t);
  frame(21, { you: [140, 100] });
  assert.ok(game.me.x > 100 && game.me.x < 120, `at ${game.me.x}`);
  for (let i = 22; i < 60; i++) {
    pass(50);
    frame(i, { you: [140, 100] });
  }
  assert.ok(Math.abs(game.me.x - 140) < 1, `at ${game.me.x}`);
  frame(60, { you: [1000, 1000] });
  assert.deepEqual(game.me, { x: 1000, y: 1000 });
});

test("we do not leave the square", async (t) => {
  const { game, pass } = await arena(t);
  game.steer(-1, -1);
  pass(900);
  game.move();
  assert.deepEqual(game.me, { x: 0, y: 0 });
});

test("others move smoothly, and go when they are out of view", async (t) => {
  const { game, pass, frame } = await arena(t);
  frame(20, { seen: [["you", 200, 100]] });
  pass(50);
  frame(21, { seen: [["you", 210, 100]] });
  pass(50);
  frame(22, { seen: [["you", 220, 100]] });
  pass(25); // the room's clock is at 22.5, and others are shown two ticks before
  assert.deepEqual(game.seen().map(({ id, x, y }) => [id, x, y]), [["you", 205, 100]]);
  pass(25);
  frame(23, { seen: [], gone: ["you"] });
  assert.equal(game.seen().length, 1, "not yet: it is shown as it was");
  pass(500);
  assert.deepEqual(game.seen(), []);
  assert.equal(game.others.size, 0);
});

test("who stood still and goes on does not jump", async (t) => {
  const { game, pass, frame } = await arena(t);
  frame(20, { seen: [["you", 200, 100]] });
  pass(5000);
  frame(120, { seen: [["you", 210, 100]] }); // nothing was told in between, as nothing changed
  pass(50);
  assert.equal(game.seen()[0].x, 200);
  pass(25);
  assert.equal(game.seen()[0].x, 205);
  pass(25);
  assert.equal(game.seen()[0].x, 210);
});

test("older frames than the last are not minded, and a snapshot begins anew", async (t) => {
  const { game, say, frame } = await arena(t);
  frame(30, { score: 3 });
  frame(29, { score: 2 });
  assert.equal(game.score, 3);
  say("$snapshot", { tick: 5, you: [900, 900], seen: [], gone: [], coins: [], score: 1, ...rules });
  assert.deepEqual([game.score, game.me], [1, { x: 900, y: 900 }]);
});

test("after an interruption the room is told again where we go", async (t) => {
  const { game, say, pass, steers } = await arena(t);
  game.steer(0, 1);
  pass(100);
  say("$resumed", { user: "me", name: "Mina" });
  pass(100);
  assert.deepEqual(steers().map((s) => s.dy), [1, 1]);
});

test("a coin is news once", async (t) => {
  const { game, frame } = await arena(t);
  let coins = 0;
  game.addEventListener("coin", () => coins++);
  frame(21, { score: 1 });
  frame(22, { score: 1 });
  assert.equal(coins, 1);
});

test("the picture in words", async (t) => {
  const { game, frame } = await arena(t);
  frame(21, { seen: [["you", 200, 100]], coins: [[7, 130, 100], [8, 100, 320]] });
  assert.equal(inWords(game), "You are in the north-west of the square. In sight: 1 player and 2 coins. The nearest coin is 30 steps to the east. You have no coins.");
  frame(22, { you: [1000, 1000], coins: [] });
  assert.equal(inWords(game), "You are in the middle of the square. In sight: no players and no coins. You have no coins.");
});

test("between two places, and beyond them", () => {
  const was = [{ t: 0, x: 0, y: 0 }, { t: 10, x: 10, y: 20 }];
  assert.deepEqual([-1, 5, 11].map((at) => between(was, at)), [{ x: 0, y: 0 }, { x: 5, y: 10 }, { x: 10, y: 20 }]);
});
