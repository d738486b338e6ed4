import assert from "node:assert/strict";
import { test } from "node:test";
import { bounds } from "../static/madang/outbox.js";
import { client, FakeSocket, seated, settle } from "../testing/fake.mjs";


/** Sends nothing and sees which promise state it is in. */
const outcome = (p) => Promise.race([p.then((v) => ["yes", v], (e) => ["no", e.code]), settle().then(() => ["open"])]);
const clock = (t) => t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });

test("subscribing names topic and receipt and has no resume at first", async (t) => {
  clock(t);
  const { socket } = await seated();
  const [sub] = socket.of("SUBSCRIBE");
  assert.equal(sub.destination, "/topic/room.r");
  assert.equal(sub.id, "r");
  assert.equal(sub.resume, undefined);
  assert.ok(sub.receipt);
  assert.deepEqual(socket.protocols, ["v12.stomp"]);
  assert.equal(socket.of("CONNECT")[0].passcode, "t1");
});

test("sends wait for the first snapshot and go on from the seq that the room has handled", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  const room = await c.join("r");
  room.send("a");
  const socket = FakeSocket.last.accept();
  room.send("b");
  assert.deepEqual(socket.of("SEND"), []);
  socket.message("5-10", "$snapshot", {}, { handled: 41 });
  assert.deepEqual(socket.of("SEND").map((f) => [f.seq, f.type, f.destination]), [["42", "a", "/queue/room.r"], ["43", "b", "/queue/room.r"]]);
});

test("a send is done with its receipt, and not before", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const sent = room.send("put", { at: "d3" });
  assert.deepEqual(await outcome(sent), ["open"]);
  assert.equal(room.pending, 1);
  const [frame] = socket.of("SEND");
  assert.equal(frame.body, '{"at":"d3"}');
  assert.equal(frame["content-type"], "application/json");
  socket.receipt(frame);
  assert.deepEqual(await outcome(sent), ["yes", 1]);
  assert.equal(room.pending, 0);
});

test("what has no receipt is sent again after a loss: same seq, old order, nothing that was receipted", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const sent = ["a", "b", "c"].map((type) => room.send(type));
  socket.receipt(socket.of("SEND")[1]);
  socket.message("5-12", "x");
  socket.drop();
  const late = room.send("d");
  t.mock.timers.tick(200);
  const next = FakeSocket.last.accept();
  assert.notEqual(next, socket);
  assert.equal(next.of("SUBSCRIBE")[0].resume, "5-12");
  assert.deepEqual(next.of("SEND").map((f) => [f.seq, f.type]), [["1", "a"], ["3", "c"], ["4", "d"]]);
  for (const f of next.of("SEND")) next.receipt(f);
  assert.deepEqual(await Promise.all([...sent, late]), [1, 2, 3, 4]);
});

test("numbers that were seen are skipped within their epoch", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const got = [];
  room.on(":message", (m) => got.push(m.id));
  for (const id of ["5-11", "5-11", "5-10", "5-13", "5-12", "5-18446744073709551615", "5-18446744073709551614", "6-1"]) socket.message(id, "x");
  assert.deepEqual(got, ["5-11", "5-13", "5-18446744073709551615", "6-1"]);
});

test("a snapshot resets the position, backwards too", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const got = [];
  room.on("$snapshot", (m) => got.push(m.id));
  room.on("x", (m) => got.push(m.id));
  socket.message("5-20", "x");
  socket.message("5-7", "$snapshot");
  socket.message("5-8", "x");
  assert.deepEqual(got, ["5-20", "5-7", "5-8"]);
  socket.drop();
  t.mock.timers.tick(200);
  assert.equal(FakeSocket.last.accept().of("SUBSCRIBE")[0].resume, "5-8");
});

test("a snapshot can't take our seq back", async (t) => {
  clock(t);
  const { room, socket } = await seated(9);
  room.send("a");
  socket.message("6-1", "$snapshot", {}, { handled: 3 });
  room.send("b");
  assert.deepEqual(socket.of("SEND").map((f) => f.seq), ["10", "11"]);
});

test("messages are events with sender, time, request and parsed body", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const got = [];
  room.on("moved", (m) => got.push(m));
  socket.message("5-11", "moved", { to: [1, 2] }, { from: "u2", timestamp: 123, request: 4 });
  socket.give("MESSAGE", { subscription: "r", "message-id": "5-12", type: "moved", "content-type": "application/json" }, "{no json");
  socket.give("MESSAGE", { subscription: "r", "message-id": "5-13", type: "moved", "content-type": "text/plain" }, "hi");
  socket.give("MESSAGE", { subscription: "r", "message-id": "5-14", type: "moved", "content-type": "application/x-protobuf" }, Uint8Array.of(1, 0));
  const { bytes: _, ...first } = got[0];
  assert.deepEqual(first, { type: "moved", body: { to: [1, 2] }, from: "u2", time: 123, request: 4, code: "", id: "5-11" });
  assert.deepEqual(got.slice(1).map((m) => m.body), [undefined, "hi", Uint8Array.of(1, 0)]);
});

test("ask resolves with the answer to its own seq", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const [one, two] = [room.ask("q", { n: 1 }), room.ask("q", { n: 2 })];
  socket.message("5-11", "answer", { n: 2 }, { request: 2 });
  socket.message("5-12", "answer", { n: 1 }, { request: 1 });
  assert.deepEqual((await Promise.all([one, two])).map((m) => m.body.n), [1, 2]);
});

test("ask rejects with the refusal, which is an error event too", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const refusals = [];
  room.on("error", (m) => refusals.push([m.code, m.request]));
  const asked = room.ask("put");
  socket.message("5-11", "error", { code: "illegal_move", message: "no" }, { request: 1, code: "illegal_move" });
  assert.deepEqual(await outcome(asked), ["no", "illegal_move"]);
  assert.deepEqual(refusals, [["illegal_move", 1]]);
});

test("ask gives up in time", async (t) => {
  clock(t);
  const { room } = await seated();
  const asked = room.ask("q", {}, { timeout: 500 });
  t.mock.timers.tick(499);
  assert.deepEqual(await outcome(asked), ["open"]);
  t.mock.timers.tick(1);
  assert.deepEqual(await outcome(asked), ["no", "no_answer"]);
});

test("an answer given again after a resend comes through once, though its number is old", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const got = [];
  room.on("error", (m) => got.push(m.request));
  room.send("a");
  socket.message("5-10", "error", {}, { request: 1, code: "queue_full" }); // the position that we have already
  socket.message("5-10", "error", {}, { request: 1, code: "queue_full" });
  assert.deepEqual(got, [1]);
});

test("the outbox is bounded", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  socket.drop();
  for (let i = 0; i < bounds.messages; i++) room.send("a").catch(() => {});
  await assert.rejects(room.send("a"), { code: "outbox_full" });
  const other = await seated();
  await assert.rejects(other.room.send("a", "x".repeat(bounds.bytes)), { code: "outbox_full" });
});

test("$closed ends the room, what waits is told", async (t) => {
  clock(t);
  const { client: c, room, socket } = await seated();
  const sent = room.send("a");
  const ends = [];
  room.on(":ended", (e) => ends.push(e));
  socket.message("5-11", "$closed", { reason: "finished" });
  assert.deepEqual(ends, [{ code: "closed", reason: "finished" }]);
  assert.deepEqual(await outcome(sent), ["no", "closed"]);
  await assert.rejects(room.send("b"), { code: "closed" });
  assert.deepEqual(c.openRooms, []);
  assert.equal(c.state.name, "live");
});

test("our own $left ends the room, another's does not", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  socket.message("5-11", "$left", { user: "other", name: "x", reason: "timeout" });
  assert.equal(room.ended, undefined);
  socket.message("5-12", "$left", { user: "me", name: "Mina", reason: "timeout" });
  assert.deepEqual(room.ended, { code: "left", reason: "timeout" });
});

test("leaving tells the lobby and unsubscribes", async (t) => {
  clock(t);
  const { room, socket, calls } = await seated();
  await room.leave();
  assert.deepEqual([calls.at(-1).method, calls.at(-1).path], ["POST", "/v1/rooms/r/leave"]);
  assert.equal(socket.of("UNSUBSCRIBE")[0].id, "r");
  assert.equal(room.ended.code, "left");
});

test("a seat that is gone ends that room alone", async (t) => {
  clock(t);
  const { client: c, room, socket } = await seated();
  socket.error("not_seated", { "receipt-id": socket.of("SUBSCRIBE")[0].receipt });
  assert.equal(room.ended.code, "not_seated");
  assert.equal(c.state.name, "waiting");
  t.mock.timers.tick(200);
  assert.deepEqual(FakeSocket.last.accept().of("SUBSCRIBE"), []);
});

test("a message over which the server closes is not sent again", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const bad = room.send("bad"), good = room.send("good");
  socket.error("frame_too_large", { "receipt-id": socket.of("SEND")[0].receipt });
  assert.deepEqual(await outcome(bad), ["no", "frame_too_large"]);
  t.mock.timers.tick(200);
  assert.deepEqual(FakeSocket.last.accept().of("SEND").map((f) => f.type), ["good"]);
  FakeSocket.last.receipt(FakeSocket.last.of("SEND")[0]);
  assert.deepEqual(await outcome(good), ["yes", 2]);
});
