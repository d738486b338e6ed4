import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSocket, client, seated } from "../testing/fake.mjs";

const note = (socket, n, body = {}, type = "$x") =>
  socket.give("MESSAGE", { subscription: "lobby", "message-id": `lobby-${n}`, type, "content-type": "application/json" }, JSON.stringify(body));
const agree = (socket, last) => socket.give("RECEIPT", { "receipt-id": socket.of("SUBSCRIBE").at(-1).receipt, "message-id": `lobby-${last}` });

async function listening() {
  const made = client();
  await made.client.signIn();
  const inbox = made.client.inbox();
  const got = [];
  inbox.on(":message", (m) => got.push(m.id));
  const socket = FakeSocket.last.accept();
  return { ...made, inbox, socket, got };
}

test("the inbox is subscribed once, and gives each note once", async () => {
  const { client: c, inbox, socket, got } = await listening();
  assert.equal(c.inbox(), inbox);
  assert.deepEqual(socket.of("SUBSCRIBE").map((f) => [f.destination, f.resume]), [["/user/queue/lobby", undefined]]);
  let live = 0;
  inbox.on(":live", () => live++);
  agree(socket, 6);
  assert.equal(live, 1);
  const bodies = [];
  inbox.on("$friend", (m) => bodies.push(m.body));
  note(socket, 7, { state: "asked" }, "$friend");
  for (const n of [7, 6, 8]) note(socket, n);
  assert.deepEqual(got, ["lobby-7", "lobby-8"]);
  assert.deepEqual(bodies, [{ state: "asked" }]);
  c.close();
});

test("the inbox resumes from the last note, or from where its receipt said", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  t.mock.method(Math, "random", () => 0);
  const { client: c, socket } = await listening();
  agree(socket, 6);
  socket.drop();
  t.mock.timers.tick(200);
  const second = FakeSocket.last.accept();
  assert.equal(second.of("SUBSCRIBE")[0].resume, "lobby-6");
  note(second, 7);
  agree(second, 7);
  second.drop();
  t.mock.timers.tick(400);
  assert.equal(FakeSocket.last.accept().of("SUBSCRIBE")[0].resume, "lobby-7");
  c.close();
});

test("what has no number comes through, in the inbox and in a room", async () => {
  const { client: c, room, socket } = await seated();
  const got = [];
  const inbox = c.inbox();
  assert.equal(socket.of("SUBSCRIBE").at(-1).destination, "/user/queue/lobby");
  inbox.on("$presence", (m) => got.push(m.body.online));
  inbox.on("$notice", (m) => got.push(m.body.text)); // whichever subscription it comes by
  const give = (subscription, type, body) => socket.give("MESSAGE", { subscription, type, "content-type": "application/json" }, JSON.stringify(body));
  give("lobby", "$presence", { online: true });
  give("r", "$notice", { text: "soon" });
  assert.deepEqual(got, [true, "soon"]);
  socket.message("5-11", "x");
  socket.drop();
  c.close();
});

test("who signs out has no inbox any more", async () => {
  const { client: c, inbox } = await listening();
  await c.signOut();
  await c.signIn();
  assert.notEqual(c.inbox(), inbox);
  c.close();
});
