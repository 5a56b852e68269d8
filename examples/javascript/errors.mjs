// Two reasons not to decode a stream.

// The stream breaks a rule: its category, and the byte where it was noticed.
export class Refusal extends Error {
  constructor(category, message, byte) {
    super(message);
    Object.assign(this, { category, byte });
  }
}

// The stream needs a part of the standard that this decoder does not implement.
export class Unsupported extends Error {}
