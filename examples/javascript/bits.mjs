// Reader of bits, most significant first: u(n), i(n), ue(k), st(v), byte_alignment().

import { Refusal } from "./errors.mjs";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class BitReader {
  // Reads `data` (a Uint8Array) from byte `first` up to byte `end`, which moves closer once the unit's
  // size is known.
  constructor(data, first, end) {
    Object.assign(this, { data, position: 8 * first, end });
  }

  get byte() {
    return Math.floor(this.position / 8);
  }

  get bytesLeft() {
    return this.end - Math.ceil(this.position / 8);
  }

  rest() {
    return this.data.subarray(this.byte, this.end);
  }

  refuse(category, message) {
    throw new Refusal(category, message, this.byte);
  }

  bit() {
    if (this.position >= 8 * this.end) this.refuse("truncated", "the unit ends within an element");
    const value = (this.data[this.byte] >> (7 - (this.position % 8))) & 1;
    this.position += 1;
    return value;
  }

  u(bits) {
    let value = 0;
    for (let i = 0; i < bits; i++) value = 2 * value + this.bit();
    return value;
  }

  i(bits) {
    const value = this.u(bits);
    return value < 2 ** (bits - 1) ? value : value - 2 ** bits;
  }

  ue(k) {
    let value = 0;
    for (; this.bit() === 0; k++) {
      if (k === 63) this.refuse("value", "an exp-Golomb suffix of more than 63 bits");
      value += 2 ** k;
    }
    return value + this.u(k);
  }

  st() {
    const start = this.byte;
    while (this.bytesLeft > 0) {
      if (this.u(8) !== 0) continue;
      try {
        return UTF8.decode(this.data.subarray(start, this.byte - 1));
      } catch {
        this.refuse("text", "a string is not UTF-8");
      }
    }
    return this.refuse("truncated", "no zero byte ends a string");
  }

  byteAlignment() {
    if (this.bit() !== 1) this.refuse("alignment", "byte_alignment() begins with 0");
    while (this.position % 8 !== 0) if (this.bit() !== 0) this.refuse("alignment", "byte_alignment() goes on with 1");
  }

  reserved(bits) {
    if (this.u(bits) !== 0) this.refuse("reserved", "a reserved bit is 1");
  }
}
