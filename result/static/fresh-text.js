// What a server answers now, past all caches: `await freshText(address)` is the text, or null where there is none.

import { ask } from "./ask.js";

const PATIENCE_MS = 10000;

export async function freshText(address) {
  try {
    const { ok, text } = await ask(address, { cache: "no-store" }, PATIENCE_MS);
    return ok ? text : null;
  } catch (error) {
    return null;
  }
}
