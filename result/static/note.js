// Signed notes and verifier keys of C2SP, and checkpoints. Ed25519 is SubtleCrypto's, where it is there: pages over
// `http://` have none, and older browsers not this signature. Only ECMAScript 2018, for old phones
// (tests/old_phones.rs).

import { digest } from "./sha256.js";

const ED25519 = 1;
const MAX_NOTE_LENGTH = 256 * 1024;

export function utf8(text) {
  return new TextEncoder().encode(text);
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => (byte < 16 ? "0" : "") + byte.toString(16)).join("");
}

export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

// The bytes of a standard base64 text with padding, of which there is one spelling; null for any other text.
export function fromBase64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch (error) {
    return null;
  }
}

// The digest in a standard base64 text; null for any other text.
export function digestOf(text) {
  const bytes = fromBase64(text);
  return bytes && bytes.length === 32 ? bytes : null;
}

// `{ text, signatures }` of a note; null for any other text. Nothing is checked yet.
export function readNote(note) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || note.length > MAX_NOTE_LENGTH || !note.endsWith("\n")) return null;
  const signatures = note.slice(end + 2, -1).split("\n").map(readSignature);
  return signatures.includes(null) ? null : { text: note.slice(0, end + 1), signatures };
}

function readSignature(line) {
  const [mark, name, encoded, more] = line.split(" ");
  const bytes = mark === "—" && name && more === undefined ? fromBase64(encoded || "") : null;
  return bytes && bytes.length >= 4 ? { name, id: hex(bytes.subarray(0, 4)), signature: bytes.subarray(4) } : null;
}

// `{ name, id, bytes }` of a verifier key, `NAME+KEYID+BASE64`; null for any other text.
export function readKey(text) {
  const [name, id, ...rest] = text.split("+");
  const typed = fromBase64(rest.join("+"));
  if (!name || /\s/.test(name) || !typed || typed.length !== 33 || typed[0] !== ED25519) return null;
  const key = named({ bytes: typed.slice(1) }, name);
  return key.id === id ? key : null;
}

// The key under another name: one secret has one key, and an imported tree keeps the name of the installation in which
// it began.
function named({ bytes }, name) {
  const head = utf8(`${name}\n`);
  const message = new Uint8Array(head.length + 1 + bytes.length);
  message.set(head);
  message[head.length] = ED25519;
  message.set(bytes, head.length + 1);
  return { name, id: hex(digest(message).subarray(0, 4)), bytes };
}

// Whether both are one key, under whichever names.
export function isSameKey(one, other) {
  return hex(one.bytes) === hex(other.bytes);
}

// The installation of which a text tells, as its key is named; null if it tells of none.
function installationOf(text) {
  const found = /^(?:scrutin [a-z]+ 1\n)?(scrutin\/[^/\n]+)\//.exec(text);
  return found && found[1];
}

// Whether the key signed the note that was read: true, false, or null where this browser can't check it. As C2SP says,
// signatures of other keys are passed over, and one of this key that is wrong spoils the note.
export async function isSigned(note, key) {
  const signer = named(key, installationOf(note.text) || key.name);
  const ours = note.signatures.filter(({ name, id }) => name === signer.name && id === signer.id);
  if (ours.length === 0) return false;
  const subtle = self.crypto && self.crypto.subtle;
  if (!subtle) return null;
  try {
    const imported = await subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
    const message = utf8(note.text);
    const checks = ours.map(({ signature }) => subtle.verify({ name: "Ed25519" }, imported, signature, message));
    return (await Promise.all(checks)).every((right) => right);
  } catch (error) {
    return null;
  }
}

// A whole number as it stands in notes; null for any other text, and beyond what a script can count exactly.
export function wholeNumber(text) {
  const value = /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

// `{ origin, size, root, note }` of a checkpoint; null for any other text. Its signature is not checked.
export function readCheckpoint(note) {
  const read = readNote(note);
  const [origin, size, encoded, end, more] = read ? read.text.split("\n") : [];
  if (!origin || end !== "" || more !== undefined) return null;
  const [leaves, root] = [wholeNumber(size), digestOf(encoded)];
  return leaves === null || !root ? null : { origin, size: leaves, root, note };
}
