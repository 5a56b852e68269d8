// Arithmetic decoder and indexes of one tensor (clause 10), without dependent quantization, in scan
// order 0.

import { Refusal } from "./errors.mjs";
import { LPS_RANGE, PARAMETER_SETS, STATE_STEP } from "./tables.mjs";

export const MAX_PREFIX = 31;

export class Context {
  constructor() {
    this.start(0);
  }

  start(set) {
    const [shift0, shift1, sum, s0] = PARAMETER_SETS[set];
    Object.assign(this, { shift0: shift0 + 4, shift1, s0, s1: sum - 16 * s0 });
  }

  update(bin) {
    const t = bin ? 1 : -1;
    this.s0 += t * (STATE_STEP[16 + ((t * this.s0) >> 3)] >> this.shift0);
    this.s1 += t * (STATE_STEP[16 + ((t * this.s1) >> 7)] >> this.shift1);
  }
}

class ArithmeticDecoder {
  constructor(payload) {
    Object.assign(this, { payload, position: 0, range: 510, offset: 0 });
    for (let i = 0; i < 9; i++) this.shift();
    if (this.offset >= this.range) this.refuse("entropy", "the offset is not below the range");
  }

  refuse(category, message) {
    throw new Refusal(category, message, this.position >> 3);
  }

  shift() {
    if (this.position >= 8 * this.payload.length) this.refuse("truncated", "the codeword reads past the unit");
    this.offset = 2 * this.offset + ((this.payload[this.position >> 3] >> (7 - (this.position & 7))) & 1);
    this.position += 1;
  }

  bin(context) {
    const s = 16 * context.s0 + context.s1;
    let value = s >= 0 ? 1 : 0;
    const lps = LPS_RANGE[Math.abs(s >> 7) + (this.range & 0xe0)];
    this.range -= lps;
    if (this.offset >= this.range) {
      value = 1 - value;
      this.offset -= this.range;
      this.range = lps;
    }
    while (this.range < 256) {
      this.range *= 2;
      this.shift();
    }
    context.update(value);
    return value;
  }

  bypass() {
    this.shift();
    if (this.offset < this.range) return 0;
    this.offset -= this.range;
    return 1;
  }

  uae(bits) {
    let value = 0;
    for (let i = 0; i < bits; i++) value = 2 * value + this.bypass();
    return value;
  }

  iae(bits) {
    const value = this.uae(bits);
    return value < 2 ** (bits - 1) ? value : value - 2 ** bits;
  }

  // Reads the terminate bin and the stop bit, and checks that nothing follows.
  terminate() {
    this.range -= 2;
    if (this.offset < this.range) this.refuse("entropy", "the terminate bin is 0");
    const used = (this.position + 7) >> 3;
    const unused = 8 * used - this.position;
    if ((this.payload[used - 1] & ((2 << unused) - 1)) !== 1 << unused) this.refuse("alignment", "the codeword does not end with 1 and zeros");
    if (used !== this.payload.length) this.refuse("size", "bytes after the codeword");
  }
}

const contexts = (count) => Array.from({ length: count }, () => new Context());

// Contexts in the order in which their parameter sets are sent. Those of temporal context modelling and of history
// dependent significance exist only if the tensor uses these tools.
const groupsOf = (unaryLength, tca, hdsp) => ({
  significance: contexts(3),
  significanceTca: contexts(tca ? 2 : 0),
  significanceHdsp: contexts(hdsp ? 1 : 0),
  sign: contexts(3),
  signTca: contexts(tca ? 2 : 0),
  greater: contexts(2 * unaryLength),
  greaterTca: contexts(tca ? 2 * unaryLength : 0),
  prefix: contexts(MAX_PREFIX),
});

// Decodes one index. `previous` is 0 if the index coded before it was 0, 1 if negative, 2 if positive; `base` the
// parent's index at its place, 0 without temporal context modelling; `seen` 1 if an earlier update was not 0 there.
function index(decoder, groups, previous, base, seen) {
  const size = Math.abs(base);
  const significance = seen ? groups.significanceHdsp[0] : base ? groups.significanceTca[size > 1 ? 1 : 0] : groups.significance[previous];
  if (!decoder.bin(significance)) return 0;
  const negative = decoder.bin(base ? groups.signTca[base > 0 ? 1 : 0] : groups.sign[previous]);
  const unaryLength = groups.greater.length / 2;
  const greater = (j) => (base ? groups.greaterTca[2 * j + (size < j ? 1 : 0)] : groups.greater[2 * j + negative]);
  let magnitude = 1;
  let j = 0;
  for (; j < unaryLength && decoder.bin(greater(j)); j++) magnitude += 1;
  if (j === unaryLength) {
    let bits = 0;
    for (; bits < MAX_PREFIX && decoder.bin(groups.prefix[bits]); bits++) magnitude += 2 ** bits;
    magnitude += decoder.uae(bits);
  }
  const value = negative ? -magnitude : magnitude;
  if (value !== (value | 0)) decoder.refuse("entropy", "an index does not fit int32");
  return value;
}

// Decodes the payload of a unit with one tensor of `rows` times `columns` indexes. `qpDeltaBits` is 0 if no qp_delta is
// coded (NNR_PT_INT). `base` holds the parent's indexes with temporal context modelling, `seen` 1 where an earlier
// update was not 0; both may be null. Throws Refusal with `byte` counted from the start of the payload.
export function decodeCodeword(payload, { rows, columns, qpDeltaBits, unaryLength, secondEdition, hasParent, base, seen }) {
  const decoder = new ArithmeticDecoder(payload);
  const qpDelta = qpDeltaBits ? decoder.iae(qpDeltaBits) : 0;
  let hdsp = false;
  const skipped = [];
  if (secondEdition && rows > 1 && columns > 1) {
    hdsp = hasParent && decoder.bypass() === 1;
    if (decoder.bypass()) {
      const rowSkip = new Context();
      for (let row = 0; row < rows; row++) skipped.push(decoder.bin(rowSkip));
    }
  }
  const groups = groupsOf(unaryLength, base !== null, hdsp);
  const flag = new Context();
  for (const group of Object.values(groups)) for (const context of group) context.start(decoder.bin(flag) ? 1 + decoder.uae(3) : 0);
  const indexes = [];
  let previous = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (skipped[row]) {
        indexes.push(0);
        continue;
      }
      const k = indexes.length;
      const value = index(decoder, groups, previous, base ? base[k] : 0, hdsp && seen ? seen[k] : 0);
      indexes.push(value);
      previous = value === 0 ? 0 : value < 0 ? 1 : 2;
    }
  }
  decoder.terminate();
  return { qpDelta, indexes };
}
