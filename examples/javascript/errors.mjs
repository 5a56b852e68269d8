// The two ways in which a stream is not decoded.

// The stream breaks a rule; `category` is one of the closed list, `byte` where it was met.
export class Refusal extends Error {
  constructor(category, message, byte) {
    super(message);
    Object.assign(this, { category, byte });
  }
}

// The stream needs a part of the standard that is not implemented here.
export class Unsupported extends Error {}
