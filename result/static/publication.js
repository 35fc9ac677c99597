// Reads a published file as it arrives, line by line, in memory that does not grow with it. Only ECMAScript 2018, for
// old phones (tests/old_phones.rs).

const NEWLINE = 10;
const COMMA = 44;
const LETTER_A = 97;
const LETTER_Z = 122;
// As Scrutin's own reader has them, in bytes.
export const MAX_HEADER = 4 << 20;
export const MAX_LINE = 256;

const DIGITS = new Int8Array(256).fill(-1);
for (const digit of "0123456789abcdef") DIGITS[digit.charCodeAt(0)] = parseInt(digit, 16);

// The lines of a stream.
export class LineReader {
  constructor(response) {
    const whole = () => response.arrayBuffer().then((buffer) => ({ value: new Uint8Array(buffer), done: false }));
    let asked = false;
    const once = () => (asked ? Promise.resolve({ done: true }) : ((asked = true), whole()));
    this.source = response.body && response.body.getReader ? response.body.getReader() : { read: once };
    this.buffer = new Uint8Array(0);
    this.at = 0;
    this.ended = false;
    // Whether a line was wanted where the file had ended.
    this.brokeOff = false;
    // The line that was read last: its number, from 1, and where it is in `buffer`.
    this.number = 0;
    this.from = 0;
    this.to = 0;
  }

  // Finds the next line: true; false if there is none, or a longer one; null if more is to be fetched first.
  next(most) {
    const end = this.buffer.indexOf(NEWLINE, this.at);
    if (end < 0 && !this.ended && this.buffer.length - this.at <= most) return null;
    this.brokeOff = end < 0 && this.ended;
    if (end < 0 || end - this.at >= most) return false;
    this.from = this.at;
    this.to = end;
    this.at = end + 1;
    this.number += 1;
    return true;
  }

  // Fetches more of the file.
  async more() {
    const { value, done } = await this.source.read();
    this.ended = done;
    if (done) return;
    const rest = this.buffer.subarray(this.at);
    const buffer = new Uint8Array(rest.length + value.length);
    buffer.set(rest);
    buffer.set(value, rest.length);
    this.buffer = buffer;
    this.at = 0;
  }

  // The next line as a text; null if there is none.
  async text(most) {
    let found = this.next(most);
    while (found === null) {
      await this.more();
      found = this.next(most);
    }
    if (!found) return null;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      return decoder.decode(this.buffer.subarray(this.from, this.to));
    } catch (error) {
      return null;
    }
  }

  // Whether nothing is left.
  async isAtEnd() {
    while (!this.ended && this.at === this.buffer.length) await this.more();
    return this.at === this.buffer.length;
  }
}

// The ballot of a line; one object serves for all lines.
export class BallotLine {
  constructor() {
    this.mark = new Uint8Array(16);
    this.replaces = new Uint8Array(16);
    this.isChange = false;
    // A bit for each option. 0 for a ballot that was replaced.
    this.choices = 0;
    // The letters of the choices.
    this.letters = new Uint8Array(26);
    this.count = 0;
    this.blind = new Uint8Array(16);
    // In place of choices and blind, of a ballot that was replaced.
    this.hidden = new Uint8Array(32);
    this.wording = 1;
  }

  // Reads the line from `from` to `to`, and says whether it is a ballot.
  read(buffer, from, to) {
    if (to - from < 68 || !readHex(buffer, from, this.mark) || buffer[from + 32] !== COMMA) return false;
    let at = from + 33;
    this.isChange = buffer[at] !== COMMA;
    this.replaces.fill(0);
    if (this.isChange) {
      if (!readHex(buffer, at, this.replaces) || isZero(this.replaces)) return false;
      at += 32;
    }
    if (isZero(this.mark) || buffer[at] !== COMMA) return false;
    at = this.readChoices(buffer, at + 1);
    if (buffer[at] !== COMMA) return false;
    const opened = this.count > 0 ? this.blind : this.hidden;
    if (at + 1 + 2 * opened.length > to || !readHex(buffer, at + 1, opened)) return false;
    return this.readWording(buffer, at + 1 + 2 * opened.length, to);
  }

  // Reads letters in their order, and says where they end.
  readChoices(buffer, from) {
    let at = from;
    this.choices = 0;
    for (let last = LETTER_A - 1; buffer[at] > last && buffer[at] <= LETTER_Z; at++) {
      last = buffer[at];
      this.letters[at - from] = last;
      this.choices |= 1 << (last - LETTER_A);
    }
    this.count = at - from;
    return at;
  }

  readWording(buffer, from, to) {
    this.wording = 1;
    if (from === to) return true;
    if (buffer[from] !== COMMA || to - from > 10) return false;
    const number = String.fromCharCode(...buffer.subarray(from + 1, to));
    this.wording = Number(number);
    return /^[1-9][0-9]*$/.test(number) && this.wording >= 2;
  }
}

function readHex(buffer, from, out) {
  let wrong = 0;
  for (let i = 0; i < out.length; i++) {
    const [high, low] = [DIGITS[buffer[from + 2 * i]], DIGITS[buffer[from + 2 * i + 1]]];
    wrong |= high | low;
    out[i] = (high << 4) | low;
  }
  return wrong >= 0;
}

function isZero(bytes) {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
