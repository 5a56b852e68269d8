// Arithmetic decoder and indexes of one tensor (clause 10), without dependent quantization, in scan
// order 0.

import { Refusal } from "./errors.mjs";
import { LPS_RANGE, PARAMETER_SETS, STATE_STEP } from "./tables.mjs";

const MAX_PREFIX = 31;

class Context {
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

// Decodes one index; `previous` is 0 if the index before it was 0, 1 if negative, 2 if positive.
function index(decoder, { significance, sign, greater, prefix }, previous) {
  if (!decoder.bin(significance[previous])) return 0;
  const negative = decoder.bin(sign[previous]);
  const unaryLength = greater.length / 2;
  let magnitude = 1;
  let j = 0;
  for (; j < unaryLength && decoder.bin(greater[2 * j + negative]); j++) magnitude += 1;
  if (j === unaryLength) {
    let bits = 0;
    for (; bits < MAX_PREFIX && decoder.bin(prefix[bits]); bits++) magnitude += 2 ** bits;
    magnitude += decoder.uae(bits);
  }
  const value = negative ? -magnitude : magnitude;
  if (value !== (value | 0)) decoder.refuse("entropy", "an index does not fit int32");
  return value;
}

// Decodes the payload of a unit with one tensor of `count` indexes. `qpDeltaBits` is 0 if no qp_delta is
// coded (NNR_PT_INT). Throws Refusal with `byte` counted from the start of the payload.
export function decodeCodeword(payload, count, qpDeltaBits, unaryLength) {
  const decoder = new ArithmeticDecoder(payload);
  const qpDelta = qpDeltaBits ? decoder.iae(qpDeltaBits) : 0;
  const groups = { significance: contexts(3), sign: contexts(3), greater: contexts(2 * unaryLength), prefix: contexts(MAX_PREFIX) };
  const flag = new Context();
  for (const group of Object.values(groups)) for (const context of group) context.start(decoder.bin(flag) ? 1 + decoder.uae(3) : 0);
  const indexes = [];
  let previous = 0;
  for (let k = 0; k < count; k++) {
    const value = index(decoder, groups, previous);
    indexes.push(value);
    previous = value === 0 ? 0 : value < 0 ? 1 : 2;
  }
  decoder.terminate();
  return { qpDelta, indexes };
}
