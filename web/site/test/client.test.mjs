import assert from "node:assert/strict";
import { test } from "node:test";
import { client, FakeSocket, seated, settle, store } from "../testing/fake.mjs";

const clock = (t) => t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 });

test("a guest signs in with a secret of its own and is the same guest after a reload", async () => {
  const kept = store();
  const first = client(undefined, kept);
  await first.client.signIn({ name: "Mina" });
  const [login] = first.calls;
  assert.deepEqual([login.body.platform, login.body.name], ["guest", "Mina"]);
  assert.match(login.body.token, /^[0-9a-f]{64}$/);
  const second = client(undefined, kept);
  assert.equal(second.client.user.name, "Mina");
  await second.client.signIn();
  assert.deepEqual(second.calls.map((c) => [c.path, c.token]), [["/v1/user", "Bearer t1"]]);
});

test("two stores are two players", async () => {
  const [a, b] = [client(), client()];
  await Promise.all([a.client.signIn(), b.client.signIn()]);
  assert.notEqual(a.calls[0].body.token, b.calls[0].body.token);
});

test("a session that the server has ended is renewed with the same secret", async () => {
  const kept = store();
  const first = client(undefined, kept);
  await first.client.signIn();
  const second = client(({ path, token }) => (path === "/v1/user" && token === "Bearer t1" ? [401, { code: "not_signed_in" }] : undefined), kept);
  await second.client.signIn();
  assert.equal(second.calls[1].path, "/v1/login");
  assert.equal(second.calls[1].body.token, first.calls[0].body.token);
});

test("sign-ins at the same time are one", async () => {
  const { client: c, calls } = client();
  await Promise.all([c.signIn(), c.signIn()]);
  assert.equal(calls.length, 1);
});

test("an account with a password takes the guest's place, and is not mixed up with it", async () => {
  const kept = store();
  const { client: c, calls } = client(({ path }) => (path === "/v1/register" ? [201, { user: { id: "u9", name: "Jun" }, token: "t9" }] : undefined), kept);
  await c.signIn({ name: "Mina" });
  await c.register({ platform: "password", token: "jun:long enough" }, "Jun");
  assert.deepEqual([c.user.id, calls.at(-1).body], ["u9", { platform: "password", token: "jun:long enough", name: "Jun" }]);
  const later = client(({ path }) => (path === "/v1/user" ? [401, { code: "not_signed_in" }] : undefined), kept);
  await later.client.signIn();
  assert.notEqual(later.calls.at(-1).body.token, calls[0].body.token); // a new guest, not the one from before
});

test("a session that is half over is refreshed, a young one is not", async (t) => {
  clock(t);
  const days = (n) => new Date(Date.now() + n * 86_400_000).toISOString();
  for (const [left, paths] of [[20, ["/v1/user"]], [14, ["/v1/session/refresh", "/v1/user"]]]) {
    const kept = store();
    const answer = ({ path }) => (path === "/v1/login" ? [200, { user: { id: "u1", name: "Mina" }, token: "t1", expires_at: days(left) }]
      : path === "/v1/session/refresh" ? [200, { token: "t2", expires_at: days(30) }] : undefined);
    await client(answer, kept).client.signIn();
    const second = client(answer, kept);
    await second.client.signIn();
    assert.deepEqual(second.calls.map((c) => c.path), paths);
    assert.equal(second.calls.at(-1).token, `Bearer t${paths.length}`);
  }
});

test("a server that can't be reached does not sign us out", async () => {
  const kept = store();
  await client(undefined, kept).client.signIn();
  const { client: c } = client(() => [503, "gone"], kept);
  await assert.rejects(c.signIn(), { code: "http_503", status: 503 });
  assert.equal(c.signedIn, true);
});

test("a store that holds nonsense is an empty one", () => {
  const kept = store();
  kept.setItem("madang", "{nonsense");
  assert.equal(client(undefined, kept).client.signedIn, false);
});

test("problems carry status, code and detail; a lost network its own code", async () => {
  const { client: c } = client(() => [409, { code: "room_full", detail: "no free seat" }]);
  await assert.rejects(c.random("g"), { name: "Problem", status: 409, code: "room_full", message: "no free seat" });
  const { client: d } = client(() => {
    throw new TypeError("fetch failed");
  });
  await assert.rejects(d.games(), { status: 0, code: "network" });
  const { client: e } = client(() => [200, "<html>"]);
  await assert.rejects(e.games(), { code: "bad_answer" });
});

test("rooms are asked for with their filter, and the player's own come flat", async () => {
  const { client: c, calls } = client(({ path }) => (path === "/v1/rooms" ? [200, { rooms: [{ id: "r" }], next: "n" }] : undefined));
  assert.deepEqual(await c.rooms({ game: "relay", cursor: "" }), { rooms: [{ id: "r" }], next: "n" });
  assert.equal(calls[0].query, "?game=relay");
  assert.deepEqual((await c.me()).rooms, [{ id: "r", game: "g" }]);
});

test("joining a room twice gives the same Room", async (t) => {
  clock(t);
  const { client: c, room } = await seated();
  assert.equal(await c.join("r"), room);
  assert.equal(await c.random("g"), room);
});

test("a room joined on a live connection is subscribed at once", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  c.connect();
  const socket = FakeSocket.last.accept();
  await c.join("r");
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(socket.of("SUBSCRIBE").length, 1);
});

test("the state goes from connecting to live to waiting and back", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  const states = [];
  c.on("state", (s) => states.push(s.name));
  c.connect();
  c.connect();
  FakeSocket.last.accept().drop();
  assert.equal(c.state.name, "waiting");
  assert.ok(c.state.until >= 1e12 + 100 && c.state.until <= 1e12 + 200, `until ${c.state.until}`);
  t.mock.timers.tick(200);
  FakeSocket.last.accept();
  assert.deepEqual(states, ["connecting", "live", "waiting", "connecting", "live"]);
  assert.equal(FakeSocket.all.length, 2);
});

const waits = (c, most) => {
  const wait = c.state.until - Date.now();
  assert.ok(wait >= most / 2 && wait <= most, `waits ${wait}, most ${most}`);
};

test("a short outage costs no second more, a long one a tenth, up to 10 s", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  c.connect();
  const began = Date.now();
  for (let i = 0; Date.now() - began < 200_000; i++) {
    FakeSocket.last.drop();
    const most = Math.min(10_000, 200 * 2 ** i, Math.max(750, (Date.now() - began) / 10));
    waits(c, most);
    t.mock.timers.tick(most);
    assert.equal(c.state.name, "connecting");
  }
  FakeSocket.last.drop();
  waits(c, 10_000);
  t.mock.timers.tick(10_000);
  FakeSocket.last.accept();
  t.mock.timers.tick(10_001);
  FakeSocket.last.drop();
  waits(c, 200);
});

test("who is thrown out at once each time comes ever more slowly", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  c.connect();
  for (const most of [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
    FakeSocket.last.accept().error("internal");
    waits(c, most);
    t.mock.timers.tick(most);
  }
});

test("a network that comes and goes is asked less and less, and never seldom while its trouble is young", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  c.connect();
  const began = Date.now();
  for (let i = 0; i < 40; i++) {
    FakeSocket.last.accept().drop();
    const most = Math.min(10_000, 200 * 2 ** i, Math.max(750, (Date.now() - began) / 10));
    waits(c, most);
    t.mock.timers.tick(most);
  }
});

for (const code of ["draining", "slow_reader", "internal", "whatever"]) {
  test(`ERROR ${code} brings the client back`, async (t) => {
    clock(t);
    const { client: c, socket } = await seated();
    socket.error(code);
    assert.deepEqual([c.state.name, c.state.code], ["waiting", code]);
    t.mock.timers.tick(200);
    assert.equal(FakeSocket.last.accept().of("SUBSCRIBE")[0].resume, "5-10");
  });
}

for (const code of ["not_signed_in", "session_replaced"]) {
  test(`ERROR ${code} is the end until connect is called`, async (t) => {
    clock(t);
    const { client: c, socket, room } = await seated();
    const sent = room.send("a");
    socket.error(code);
    assert.deepEqual(c.state, { name: "ended", code });
    await assert.rejects(sent, { code });
    t.mock.timers.tick(60_000);
    assert.equal(FakeSocket.all.length, 1);
    // another tab may have spoken for us: nothing is taken for granted
    c.connect();
    const next = FakeSocket.last.accept();
    assert.equal(next.of("SUBSCRIBE")[0].resume, undefined);
    room.send("b");
    assert.deepEqual(next.of("SEND"), []);
    next.message("5-30", "$snapshot", {}, { handled: 8 });
    assert.deepEqual(next.of("SEND").map((f) => [f.seq, f.type]), [["9", "b"]]);
  });
}

test("heart-beats go out, and silence is noticed", async (t) => {
  clock(t);
  const { client: c, socket } = await seated();
  t.mock.timers.tick(50_000);
  assert.equal(socket.beats, 2);
  assert.equal(c.state.name, "live");
  socket.onmessage({ data: "\n" });
  t.mock.timers.tick(60_000);
  assert.equal(c.state.name, "live");
  t.mock.timers.tick(10_000);
  assert.notEqual(c.state.name, "live");
});

test("a server that never answers CONNECT is given up", async (t) => {
  clock(t);
  const { client: c } = client();
  await c.signIn();
  c.connect();
  t.mock.timers.tick(10_000);
  assert.equal(c.state.name, "waiting");
  assert.equal(FakeSocket.last.readyState, 3);
});

test("bytes that are no STOMP drop the connection", async (t) => {
  clock(t);
  t.mock.method(console, "warn", () => {});
  const { client: c, socket } = await seated();
  socket.onmessage({ data: "nonsense\n\n\0" });
  assert.equal(c.state.name, "waiting");
});

test("what a dead socket still says goes unheard", async (t) => {
  clock(t);
  const { room, socket } = await seated();
  const got = [];
  room.on("x", (m) => got.push(m.id));
  const hear = socket.onmessage;
  socket.drop();
  socket.onmessage = hear;
  socket.message("5-11", "x");
  assert.deepEqual(got, []);
});

test("another address in a room's answer moves the connection there", async (t) => {
  clock(t);
  const { client: c } = client(({ path }) => (path === "/v1/rooms/r/join"
    ? [200, { room: { id: "r" }, stomp: { url: "wss://gate/stomp", topic: "/topic/room.r", queue: "/queue/room.r" } }] : undefined));
  await c.signIn();
  c.connect();
  FakeSocket.last.accept();
  await c.join("r");
  assert.deepEqual(FakeSocket.all.map((s) => s.url), ["ws://h/stomp", "wss://gate/stomp"]);
  assert.equal(FakeSocket.last.accept().of("SUBSCRIBE").length, 1);
});

test("the network's return and a shown tab bring it back at once", async (t) => {
  clock(t);
  const heard = new EventTarget();
  globalThis.addEventListener = heard.addEventListener.bind(heard);
  t.after(() => delete globalThis.addEventListener);
  const { client: c, socket } = await seated();
  socket.drop();
  heard.dispatchEvent(new Event("online"));
  assert.equal(c.state.name, "connecting");
  FakeSocket.last.accept();
  heard.dispatchEvent(new Event("online"));
  assert.equal(FakeSocket.all.length, 2, "a good connection stays");
  heard.dispatchEvent(new Event("offline"));
  assert.equal(c.state.name, "live");
  heard.dispatchEvent(new Event("online"));
  assert.equal(FakeSocket.all.length, 3, "one from before the cut is replaced");
  c.close();
  heard.dispatchEvent(new Event("online"));
  assert.equal(FakeSocket.all.length, 3);
});

test("signing out ends rooms and connection and forgets who we are", async (t) => {
  clock(t);
  const { client: c, room, socket, calls } = await seated();
  await c.signOut();
  await settle();
  assert.equal(calls.at(-1).path, "/v1/logout");
  assert.equal(socket.of("DISCONNECT").length, 1);
  assert.deepEqual([c.state.name, c.signedIn, c.user, room.ended.code], ["idle", false, null, "signed_out"]);
});

test("private rooms, spectators and moves go the ways of the lobby", async (t) => {
  clock(t);
  const place = (id, more = {}) => ({ room: { id, game: "g", owner: "u1" }, stomp: { url: "ws://h/stomp", topic: `/topic/room.${id}`, queue: `/queue/room.${id}` }, seat: {}, ...more });
  const { client: c, calls } = client(({ path, method }) => {
    if (path === "/v1/rooms" && method === "POST") return [201, place("p", { code: "AAAA2222" })];
    if (path === "/v1/rooms/join") return [200, place("p", { code: "AAAA2222" })];
    if (path === "/v1/rooms/w/watch") return [200, place("w", { seat: { spectator: true } })];
    if (path === "/v1/rooms/w/join") return [200, place("w")];
    if (path === "/v1/rooms/m/move") return [200, place("m")];
    if (path === "/v1/rooms/p/bans" && method === "GET") return [200, { bans: [{ user: "u2", name: "Jun" }] }];
    if (path === "/v1/rooms/p/code") return [200, { code: "BBBB2222" }];
    return path.startsWith("/v1/rooms/p/") ? [200, {}] : undefined;
  });
  await c.signIn();
  const room = await c.create("g", { laps: 3 }, { private: true });
  assert.deepEqual(calls.at(-1).body, { game: "g", options: { laps: 3 }, private: true });
  assert.equal(room.code, "AAAA2222");
  assert.equal(await c.joinByCode("aaaa-2222"), room);
  const watched = await c.watch("w");
  assert.equal(watched.spectator, true);
  assert.equal(await c.watch("w"), watched);
  assert.equal(await c.join("w"), watched);
  assert.equal(watched.spectator, false);
  await c.move("m", "w");
  assert.deepEqual(calls.at(-1).body, { from: "w" });
  await room.invite("u2");
  await room.kick("u2");
  await room.ban("u2");
  assert.deepEqual(await room.bans(), [{ user: "u2", name: "Jun" }]);
  await room.unban("a/b");
  await room.pass("u2");
  assert.equal(await room.renewCode(), "BBBB2222");
  await room.close();
  assert.deepEqual(calls.slice(-8).map((call) => `${call.method} ${call.path}`), [
    "POST /v1/rooms/p/invite", "POST /v1/rooms/p/kick", "POST /v1/rooms/p/bans", "GET /v1/rooms/p/bans",
    "DELETE /v1/rooms/p/bans/a%2Fb", "POST /v1/rooms/p/owner", "POST /v1/rooms/p/code", "POST /v1/rooms/p/close"]);
});

test("rooms are asked for by labels", async () => {
  const { client: c, calls } = client(() => [200, { rooms: [], next: "" }]);
  await c.rooms({ game: "race", free: true, label: { track: "a & b", laps: "3..7" } });
  assert.equal(decodeURIComponent(calls[0].query.replaceAll("+", " ")), "?game=race&free=true&label[track]=a & b&label[laps]=3..7");
});
