// What a decoder keeps between the streams of a session.

export class Session {
  model = new Map(); // name to {dtype, shape, data}
  pasts = new Map(); // name to Past
}

// What later updates of a tensor ask of its earlier units.
export class Past {
  node = null; // ids of the last unit that coded indexes: {device, parameter, depth}; what is not sent is undefined
  indexes = null; // of that unit
  seen = null; // 1 where an update was not 0
}
