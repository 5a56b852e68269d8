// Arithmetic encoder and indexes of one tensor (clause 10): all parameter sets are the default, in scan order 0.

import { BitWriter } from "./bit_writer.mjs";
import { Context, MAX_PREFIX } from "./entropy.mjs";
import { LPS_RANGE } from "./tables.mjs";

class ArithmeticEncoder {
  bits = new BitWriter();
  range = 510;
  low = 0; // of 10 bits; the first has no place in the codeword
  isFirst = true;
  outstanding = 0; // bits whose value the next carry decides

  put(bit) {
    if (this.isFirst) this.isFirst = false;
    else this.bits.bit(bit);
    for (; this.outstanding > 0; this.outstanding--) this.bits.bit(1 - bit);
  }

  // Takes the first bit of `low`, which has one bit more than `half` doubled.
  shift(half) {
    if (this.low < half) this.put(0);
    else if (this.low >= 2 * half) {
      this.low -= 2 * half;
      this.put(1);
    } else {
      this.low -= half;
      this.outstanding += 1;
    }
  }

  bin(context, value) {
    const s = 16 * context.s0 + context.s1;
    const lps = LPS_RANGE[Math.abs(s >> 7) + (this.range & 0xe0)];
    this.range -= lps;
    if (value !== (s >= 0 ? 1 : 0)) {
      this.low += this.range;
      this.range = lps;
    }
    for (; this.range < 256; this.range *= 2) {
      this.shift(256);
      this.low *= 2;
    }
    context.update(value);
  }

  bypass(value) {
    this.low = 2 * this.low + (value ? this.range : 0);
    this.shift(512);
  }

  uae(value, bits) {
    for (let i = bits - 1; i >= 0; i--) this.bypass(Math.floor(value / 2 ** i) & 1);
  }

  // Writes the terminate bin and the stop bit; returns the bytes of the codeword.
  terminate() {
    this.low = (this.low + this.range - 2) | 1;
    this.put((this.low >> 9) & 1);
    this.bits.u(this.low, 9);
    return this.bits.bytes;
  }
}

const contexts = (count) => Array.from({ length: count }, () => new Context());

// Encodes one index. `previous` is 0 if the index before it was 0, 1 if negative, 2 if positive.
function index(encoder, groups, previous, value) {
  encoder.bin(groups.significance[previous], value === 0 ? 0 : 1);
  if (value === 0) return;
  const negative = value < 0 ? 1 : 0;
  encoder.bin(groups.sign[previous], negative);
  const unaryLength = groups.greater.length / 2;
  let rest = Math.abs(value) - 1;
  for (let j = 0; j < unaryLength; j++) {
    encoder.bin(groups.greater[2 * j + negative], rest > 0 ? 1 : 0);
    if (rest === 0) return;
    rest -= 1;
  }
  let bits = 0;
  for (; rest >= 2 ** bits; bits++) {
    rest -= 2 ** bits;
    encoder.bin(groups.prefix[bits], 1);
  }
  if (bits < MAX_PREFIX) encoder.bin(groups.prefix[bits], 0);
  encoder.uae(rest, bits);
}

// Encodes the payload of a unit with one tensor. `qpDeltaBits` is 0 if no qp_delta is coded (NNR_PT_INT).
export function encodeCodeword(indexes, { qpDelta, qpDeltaBits, unaryLength }) {
  const encoder = new ArithmeticEncoder();
  encoder.uae(qpDelta, qpDeltaBits);
  const groups = { significance: contexts(3), sign: contexts(3), greater: contexts(2 * unaryLength), prefix: contexts(MAX_PREFIX) };
  const flag = new Context();
  for (const group of Object.values(groups)) for (let i = 0; i < group.length; i++) encoder.bin(flag, 0);
  let previous = 0;
  for (const value of indexes) {
    index(encoder, groups, previous, value);
    previous = value === 0 ? 0 : value < 0 ? 1 : 2;
  }
  return encoder.terminate();
}
