// Worker of the decoder protocol: JSON lines on standard input and output
// (docs/decoder-protocol.md).

import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { Refusal, Unsupported } from "./errors.mjs";
import { Session } from "./session.mjs";
import { decodeStream } from "./stream.mjs";

const PROTOCOL = "nnc-worker/2";

// The safetensors format: header length, JSON header, data. It reserves the name __metadata__.
function safetensors(tensors) {
  const entries = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    const stored = /^\\*__metadata__$/.test(name) ? `\\${name}` : name;
    entries.push(`${JSON.stringify(stored)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, offset + data.length] })}`);
    offset += data.length;
  }
  const json = Buffer.from(`{${entries.join(",")}}`);
  const header = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...[...tensors.values()].map(({ data }) => data)]);
}

let session = new Session();

function answer({ id, step, stream, output, model }) {
  try {
    if (step === 0) session = new Session();
    const tensors = decodeStream(readFileSync(stream), session);
    writeFileSync(output, safetensors(tensors));
    if (model) writeFileSync(model, safetensors(session.model));
    return { type: "decoded", id };
  } catch (error) {
    const { message } = error;
    if (error instanceof Unsupported) return { type: "unsupported", id, message };
    if (!(error instanceof Refusal)) throw error;
    return { type: "refused", id, category: error.category, unit: error.unit ?? 0, byte: error.byte, message };
  }
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  if (request.type === "stop") process.exit(0);
  say(request.type === "start" ? { type: "started", protocol: PROTOCOL } : answer(request));
});
