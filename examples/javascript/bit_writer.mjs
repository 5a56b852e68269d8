// Writer of bits, most significant first: u(n), ue(k), st(v), byte_alignment().

export class BitWriter {
  bytes = [];
  free = 0; // bits of the last byte that are not written yet

  bit(value) {
    if (this.free === 0) {
      this.bytes.push(0);
      this.free = 8;
    }
    this.free -= 1;
    if (value) this.bytes[this.bytes.length - 1] |= 1 << this.free;
  }

  // Writes the last `bits` bits of an integer, which may be negative.
  u(value, bits) {
    for (let i = bits - 1; i >= 0; i--) this.bit(Math.floor(value / 2 ** i) & 1);
  }

  ue(value, k) {
    for (; value >= 2 ** k; k++) {
      value -= 2 ** k;
      this.bit(0);
    }
    this.bit(1);
    this.u(value, k);
  }

  st(text) {
    for (const byte of [...Buffer.from(text, "utf-8"), 0]) this.u(byte, 8);
  }

  byteAlignment() {
    this.bit(1);
    this.free = 0;
  }
}
