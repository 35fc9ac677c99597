// The first line of a published file: what the ballots are of, their words and rules, and what the installation has
// signed. Only ECMAScript 2018, for old phones (tests/old_phones.rs).

import { utf8 } from "./note.js";
import { DIGEST_BYTES, begin, finish, integer, text } from "./sha256.js";

const HEADER = "scrutin installation poll round key wordings seal result";
const TERMS = "question options max_choices changes access publish";
const MAX_OPTIONS = 26;
const TREE_LABEL = utf8("scrutin tree 1");
const WORDING_LABEL = utf8("scrutin wording 1");

// Whether the file is one of published ballots at all.
export function isHeader(line) {
  return line.startsWith('{"scrutin":"published 1",');
}

// null for any other line. What is written is compared to the letter.
export function readHeader(line) {
  try {
    const header = JSON.parse(line);
    const isOurs = Object.keys(header).join(" ") === HEADER && header.scrutin === "published 1";
    const { installation, poll, key, seal, result } = header;
    const fits = isOurs && [installation, poll, key, seal, result].every(isText) && isBelow(header.round, 2 ** 32);
    const terms = fits && header.wordings.length > 0 && header.wordings.every(areTerms);
    return terms && JSON.stringify(header) === line ? header : null;
  } catch (error) {
    return null;
  }
}

function areTerms(terms) {
  const { question, options, max_choices: most, changes, access, publish } = terms;
  const texts = Array.isArray(options) && [question, access, ...options].every(isText);
  const fits = texts && options.length > 0 && options.length <= MAX_OPTIONS && isBelow(most, 2 ** 8);
  const flags = [changes, publish].every((flag) => typeof flag === "boolean");
  return fits && flags && Object.keys(terms).join(" ") === TERMS;
}

function isText(value) {
  return typeof value === "string";
}

function isBelow(value, limit) {
  return Number.isInteger(value) && value >= 0 && value < limit;
}

export function digestOfTerms({ question, options, max_choices: most, changes, access, publish }) {
  const out = new Uint8Array(DIGEST_BYTES);
  begin();
  text(WORDING_LABEL);
  text(utf8(question));
  integer(options.length);
  for (const option of options) text(utf8(option));
  integer(most);
  integer(changes ? 1 : 0);
  text(utf8(access));
  integer(publish ? 1 : 0);
  finish(out, 0);
  return out;
}

export function digestOfTree({ installation, poll, round }, [partition, partitions, generation]) {
  const out = new Uint8Array(DIGEST_BYTES);
  begin();
  text(TREE_LABEL);
  text(utf8(installation));
  text(utf8(poll));
  integer(round);
  integer(partition);
  integer(partitions);
  integer(generation);
  finish(out, 0);
  return out;
}
