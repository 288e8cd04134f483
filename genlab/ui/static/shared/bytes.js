// Binary data inside text messages. Nothing here touches the page.

/**
 * Decodes base64.
 * @param {string} text the encoded bytes
 * @returns {Uint8Array<ArrayBuffer>} the bytes
 */
export function fromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
