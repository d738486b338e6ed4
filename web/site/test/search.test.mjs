import assert from "node:assert/strict";
import { test } from "node:test";
import { Search } from "../static/page/search.js";
import { client, FakeSocket, settle } from "../testing/fake.mjs";

const clock = (t) => t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });
const ticket = (state, more = {}) => ({ id: "t1", game: "othello", mode: "", state, since: new Date().toISOString(), ...more });
const place = { room: { id: "r", game: "othello" }, stomp: { url: "ws://h/stomp", topic: "/topic/room.r", queue: "/queue/room.r" } };

/** A search of a signed-in player whose inbox is live. */
async function searching(answers = () => undefined) {
  const { client: c, calls } = client((call) => answers(call) ?? (call.path === "/v1/match/tickets" ? (call.method === "GET" ? [200, { tickets: [] }] : [201, ticket("waiting")]) : undefined));
  await c.signIn();
  const search = new Search(c);
  const said = [];
  for (const type of ["placed", "over"]) search.addEventListener(type, (e) => said.push([type, e.detail.state]));
  search.listen();
  const socket = FakeSocket.last.accept();
  socket.receipt(socket.of("SUBSCRIBE")[0]);
  await settle();
  let n = 0;
  const note = (t) => socket.give("MESSAGE", { subscription: "lobby", "message-id": `lobby-${++n}`, type: "$match", "content-type": "application/json" }, JSON.stringify(t));
  return { search, said, note, calls, socket };
}

test("a search waits, finds, and is over once", async (t) => {
  clock(t);
  const { search, said, note } = await searching();
  await search.start("othello");
  assert.equal(search.ticket.state, "waiting");
  note(ticket("placed", place));
  note(ticket("placed", place));
  assert.deepEqual([search.ticket, said], [null, [["placed", "placed"]]]);
});

test("a match that is faster than the answer to the search is not missed", async (t) => {
  clock(t);
  let placed = false;
  const { search, said, note } = await searching((call) => (call.path === "/v1/match/tickets" && call.method === "GET" && placed ? [200, { tickets: [ticket("placed", place)] }] : undefined));
  const started = search.start("othello");
  placed = true;
  note(ticket("placed", place));
  await started;
  assert.deepEqual([search.ticket, said], [null, [["placed", "placed"]]]);
});

test("word of another ticket changes nothing", async (t) => {
  clock(t);
  const { search, said, note } = await searching();
  await search.start("othello");
  note(ticket("expired", { id: "t0" }));
  assert.deepEqual([search.ticket.state, said], ["waiting", []]);
});

test("a page that comes anew goes on with the search that is open, and not with one that is over", async (t) => {
  clock(t);
  for (const [state, want] of [["waiting", "waiting"], ["found", "found"], ["expired", undefined]]) {
    const { search, said } = await searching((call) => (call.path === "/v1/match/tickets" && call.method === "GET" ? [200, { tickets: [ticket(state)] }] : undefined));
    assert.deepEqual([search.ticket?.state, said], [want, []]);
  }
});

test("stopping to look when somebody has just been found leads there", async (t) => {
  clock(t);
  let placed = false;
  const { search, said } = await searching((call) => (call.path === "/v1/match/tickets/t1" ? [409, { code: "ticket_over" }]
    : call.path === "/v1/match/tickets" && call.method === "GET" && placed ? [200, { tickets: [ticket("placed", place)] }] : undefined));
  await search.start("othello");
  placed = true;
  await search.cancel();
  assert.deepEqual([search.ticket, said], [null, [["placed", "placed"]]]);
});
