// The answers that a hand-out holds, in place of a server.

import { fromBase64 } from "../shared/bytes.js";

/** @import { Source } from "../shared/source.js" */

/**
 * Unpacks the answers: base64 of gzip; in it the length of a JSON head, the head with paths and
 * sizes, and the bodies in its order.
 * @param {string} text as the file holds it
 * @returns {Promise<Map<string, Uint8Array<ArrayBuffer>>>} the answers by their paths
 */
export async function unpack(text) {
  const packed = new Blob([fromBase64(text)]).stream();
  const plain = packed.pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(plain).arrayBuffer());
  const size = new DataView(bytes.buffer).getUint32(0, true);
  /** @type {[string, number][]} */
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  let at = 4 + size;
  return new Map(head.map(([path, length]) => [path, bytes.slice(at, (at += length))]));
}

/**
 * Gives the answers of a file as a source.
 * @param {Map<string, Uint8Array<ArrayBuffer>>} answers by their paths
 * @returns {Source} the source
 */
export function fileSource(answers) {
  /** @type {Map<string, string>} */
  const addresses = new Map();
  /** @param {string} path with an optional query */
  const find = (path) => answers.get(decodeURIComponent(path.split("?")[0]));
  return {
    fetch: async (path) => {
      const body = find(path);
      if (body) return new Response(body);
      return Response.json({ error: "This is not in the file." }, { status: 404 });
    },
    address: (path) => {
      const known = addresses.get(path);
      if (known) return known;
      const body = find(path);
      if (!body) return "data:,";
      const address = URL.createObjectURL(new Blob([body], { type: "image/png" }));
      addresses.set(path, address);
      return address;
    },
    lesson: (name) => ({ href: `#lesson-${name}`, target: "_self" }),
  };
}
