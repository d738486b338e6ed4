import assert from "node:assert/strict";
import { test } from "node:test";
import { Decoder, encode, FrameError } from "../static/madang/stomp.js";

const bytes = (s) => new TextEncoder().encode(s);
const string = (b) => new TextDecoder().decode(b);
const plain = (f) => ({ command: f.command, headers: Object.fromEntries(f.headers), body: string(f.body) });

const stream = "\n\r\nMESSAGE\r\ntype:say\r\nx:a\\cb\\nc\\\\d\\re\r\n\r\nhello\0\n\n" +
  "MESSAGE\ntype:a\ncontent-length:7\n\nno\0 end\0" + "RECEIPT\nreceipt-id:seq 1 r\n\n\0\n" + "MESSAGE\ntype:마당\n\n감\0";
const frames = [
  { command: "MESSAGE", headers: { type: "say", x: "a:b\nc\\d\re" }, body: "hello" },
  { command: "MESSAGE", headers: { type: "a", "content-length": "7" }, body: "no\0 end" },
  { command: "RECEIPT", headers: { "receipt-id": "seq 1 r" }, body: "" },
  { command: "MESSAGE", headers: { type: "마당" }, body: "감" },
];

test("several frames in one WebSocket message", () => {
  const d = new Decoder();
  assert.deepEqual(d.push(stream).map(plain), frames);
  assert.equal(d.pending, 0);
});

test("frames cut at every place give the same frames", () => {
  const all = bytes(stream);
  for (let cut = 0; cut <= all.length; cut++) {
    const d = new Decoder();
    const got = [...d.push(all.slice(0, cut)), ...d.push(all.slice(cut).buffer)];
    assert.deepEqual(got.map(plain), frames, `cut at ${cut}`);
  }
  const d = new Decoder();
  assert.deepEqual([...all].flatMap((b) => d.push(Uint8Array.of(b))).map(plain), frames, "byte by byte");
});

test("what is encoded is decoded the same", () => {
  const headers = { destination: "/queue/room.1", "we\\ird:na\nme": "v:a\r\nl\\ue", seq: 7, none: undefined };
  const [f] = new Decoder().push(encode("SEND", headers, '{"a":"ü"}'));
  assert.deepEqual(plain(f), {
    command: "SEND", body: '{"a":"ü"}',
    headers: { destination: "/queue/room.1", "we\\ird:na\nme": "v:a\r\nl\\ue", seq: "7", "content-length": "10" },
  });
});

test("bytes travel as bytes, NULs and all that is no UTF-8 included", () => {
  const body = Uint8Array.of(0, 255, 10, 0, 128);
  const frame = encode("SEND", { destination: "/queue/x" }, body);
  assert.ok(frame instanceof Uint8Array);
  assert.deepEqual(new Decoder().push(frame)[0].body, body);
});

test("CONNECT and CONNECTED are not escaped", () => {
  assert.equal(encode("CONNECT", { passcode: "a\\b:c" }), "CONNECT\npasscode:a\\b:c\n\n\0");
  assert.throws(() => encode("CONNECT", { passcode: "a\nadmin:1" }), FrameError);
  assert.equal(new Decoder().push("CONNECTED\nserver:x\\y:z\n\n\0")[0].headers.get("server"), "x\\y:z");
});

test("of a repeated header the first counts", () => {
  assert.equal(new Decoder().push("MESSAGE\na:1\na:2\n\n\0")[0].headers.get("a"), "1");
});

for (const [name, text] of Object.entries({
  "an undefined escape": "MESSAGE\na:\\t\n\n\0",
  "an escape that ends early": "MESSAGE\na:x\\\n\n\0",
  "a header without a colon": "MESSAGE\nabc\n\n\0",
  "a header without a name": "MESSAGE\n:abc\n\n\0",
  "no command": "message\n\n\0",
  "a NUL in the head": "MESSAGE\na:\0b\n\n\0",
  "no NUL behind the body": "MESSAGE\ncontent-length:1\n\nab\0",
  "a content-length that is no number": "MESSAGE\ncontent-length:-1\n\n\0",
})) {
  test(`${name} is refused`, () => assert.throws(() => new Decoder().push(text), FrameError));
}

test("limits hold before the memory is spent", () => {
  const limits = { fields: 3, headerBytes: 100, bodyBytes: 50 };
  for (const text of ["MESSAGE\n" + "a:1\n".repeat(4) + "\n\0", "M".repeat(101), `MESSAGE\na:${"x".repeat(100)}\n\n\0`,
    "MESSAGE\n\n" + "x".repeat(51), "MESSAGE\ncontent-length:51\n\n", "MESSAGE\ncontent-length:9999999999\n\n"]) {
    assert.throws(() => new Decoder(limits).push(text), FrameError, text.slice(0, 40));
  }
  assert.equal(new Decoder(limits).push("MESSAGE\n\n" + "x".repeat(50) + "\0").length, 1);
});
