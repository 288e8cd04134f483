// The scripts of a hand-out: answers from the file, the step of a decoder, the address.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { fileSource, unpack } from "../../genlab/ui/static/replay/file_source.js";
import { placeText, readPlace } from "../../genlab/ui/static/replay/place.js";

/** @param {[string, Uint8Array][]} answers */
function pack(answers) {
  const head = Buffer.from(JSON.stringify(answers.map(([path, body]) => [path, body.length])));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length);
  const parts = [size, head, ...answers.map(([, body]) => body)];
  return gzipSync(Buffer.concat(parts)).toString("base64");
}

test("answers come out of the file as they went in", async () => {
  const body = Uint8Array.from({ length: 256 }, (_, i) => i);
  const found = await unpack(
    pack([
      ["runs/shipped:a/delta", Buffer.from('{"step":3}')],
      ["x.bin", body],
    ]),
  );
  assert.deepEqual(found.get("x.bin"), body);
  const source = fileSource(found);
  const reply = await source.fetch("runs/shipped%3Aa/delta?since=0");
  assert.deepEqual(await reply.json(), { step: 3 });
  assert.equal((await source.fetch("runs/other/delta")).status, 404);
  assert.equal(source.address("nothing.png"), "data:,");
  assert.match(source.address("x.bin"), /^blob:/);
  assert.equal(source.address("x.bin"), source.address("x.bin"));
  assert.deepEqual(source.lesson("vae"), { href: "#lesson-vae", target: "_self" });
});

test("the address keeps where a reader is", () => {
  const state = { step: 120, clock: "seconds", view: { open: "critic", log: "" } };
  const text = placeText(state);
  assert.equal(text, "#step=120&clock=seconds&open=critic");
  assert.deepEqual(readPlace(text), { step: 120, clock: "seconds", view: { open: "critic" } });
  assert.deepEqual(readPlace(""), { view: {} });
  assert.deepEqual(readPlace("#lesson-vae").step, undefined);
  assert.deepEqual(readPlace("#step=nan"), { view: {} });
  assert.equal(readPlace("#step=-5").step, 0);
});
