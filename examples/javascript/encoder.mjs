// Worker of the encoder protocol: JSON lines on standard input and output (docs/encoders.md).

import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { BitWriter } from "./bit_writer.mjs";
import { encodeCodeword } from "./codeword.mjs";
import { Refusal, Unsupported } from "./errors.mjs";
import { stepSize } from "./stream.mjs";

const STR = 0;
const MPS = 1;
const NDU = 5;
const INT = 0;
const FLOAT = 1;
const RAW_FLOAT = 2;
const NNR_QSU = 1;
const SHORT_SIZE = 2 ** 15;
const DEFAULTS = { qp: -32, nonweight_qp: -40, qp_density: 2, unary_length: 10 };

// Reads the tensors of a safetensors file: {name, shape, isInteger, values}. The name __metadata__ is escaped.
function tensorsOf(file) {
  const start = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__, ...entries } = JSON.parse(file.subarray(8, start).toString("utf-8"));
  return Object.entries(entries)
    .sort(([, one], [, other]) => one.data_offsets[0] - other.data_offsets[0])
    .map(([stored, { dtype, shape, data_offsets }]) => {
      if (dtype !== "F32" && dtype !== "I32") throw new Unsupported(`a tensor of type ${dtype}`);
      const bytes = file.subarray(start + data_offsets[0], start + data_offsets[1]);
      const isInteger = dtype === "I32";
      const values = Array.from({ length: bytes.length / 4 }, (_, k) => (isInteger ? bytes.readInt32LE(4 * k) : bytes.readFloatLE(4 * k)));
      return { name: stored.replace(/^\\(?=\\*__metadata__$)/, ""), shape, isInteger, values, bytes };
    });
}

// Puts the size and the header in front of a unit's content.
function unit(type, content) {
  const isLong = content.length + 3 >= SHORT_SIZE;
  const bits = new BitWriter();
  bits.bit(isLong);
  bits.u(content.length + (isLong ? 5 : 3), isLong ? 31 : 15);
  bits.u(type, 6);
  bits.u(0, 2); // independently_decodable_flag, partial_data_counter_present_flag
  return [...bits.bytes, ...content];
}

function modelParameterSet({ qp, qp_density }) {
  const bits = new BitWriter();
  bits.u(0, 5); // topology_carriage_flag, performance maps
  bits.u(NNR_QSU, 3);
  bits.u(0, 8); // mps_topology_indexed_reference_flag, reserved bits
  bits.u(qp_density, 3);
  bits.u(qp, 13);
  bits.byteAlignment();
  return unit(MPS, bits.bytes);
}

// Chooses the payload of a tensor: its type, and the bytes.
function payloadOf({ isInteger, shape, values, bytes }, { qp, nonweight_qp, qp_density, unary_length }) {
  const asked = { qpDelta: 0, qpDeltaBits: 0, unaryLength: unary_length };
  if (isInteger) {
    if (values.includes(-(2 ** 31))) throw new Refusal("value", "a magnitude of 2^31 has no index", 0);
    return [INT, encodeCodeword(values, asked)];
  }
  asked.qpDelta = shape.length > 1 ? 0 : nonweight_qp - qp;
  asked.qpDeltaBits = 6 + qp_density;
  if (asked.qpDelta !== 0 && Math.abs(asked.qpDelta + 0.5) > 2 ** (asked.qpDeltaBits - 1))
    throw new Refusal("value", `a qp_delta of ${asked.qpDelta} does not fit ${asked.qpDeltaBits} bits`, 0);
  const step = stepSize(qp_density, qp + asked.qpDelta);
  const indexes = values.map((value) => Math.round(Math.abs(value) / step) * Math.sign(value));
  if (!indexes.every((value) => Math.abs(value) < 2 ** 31)) return [RAW_FLOAT, bytes];
  return [FLOAT, encodeCodeword(indexes, asked)];
}

function dataUnit(tensor, options) {
  const [type, payload] = payloadOf(tensor, options);
  const dimensions = tensor.shape.length ? tensor.shape : [1];
  const bits = new BitWriter();
  bits.u(type, 5);
  bits.u(0, 2); // one topology element; no decompressed data format
  bits.bit(1); // input_parameters_present_flag
  bits.st(tensor.name);
  if (type === FLOAT) bits.bit(0); // codebook_present_flag
  if (type !== RAW_FLOAT) bits.bit(0); // dq_flag
  const sendsUnaryLength = type !== RAW_FLOAT && options.unary_length !== DEFAULTS.unary_length;
  bits.bit(1); // tensor_dimensions_flag
  bits.bit(sendsUnaryLength);
  bits.u(0, 4); // compressed_parameter_types
  bits.ue(dimensions.length, 1);
  for (const size of dimensions) bits.ue(size, 7);
  if (sendsUnaryLength) bits.u(options.unary_length - 1, 8);
  if (dimensions.length > 1) bits.u(0, 4); // scan_order
  bits.byteAlignment();
  return unit(NDU, [...bits.bytes, ...payload]);
}

function encode(tensors, words) {
  const asked = words.map((word) => word.split("=")).map(([name, value]) => [name, Number(value)]);
  const options = { ...DEFAULTS, ...Object.fromEntries(asked) };
  const units = tensors.map((tensor) => dataUnit(tensor, options));
  return Buffer.concat([unit(STR, [0]), modelParameterSet(options), ...units].map((bytes) => Buffer.from(bytes)));
}

function answer({ id, input, output, options, base }) {
  try {
    if (base.length) throw new Unsupported("updates");
    writeFileSync(output, encode(tensorsOf(readFileSync(input)), options));
    return { type: "encoded", id };
  } catch (error) {
    const { message } = error;
    if (error instanceof Unsupported) return { type: "unsupported", id, message };
    if (!(error instanceof Refusal)) throw error;
    return { type: "refused", id, message };
  }
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  if (request.type === "stop") process.exit(0);
  say(request.type === "start" ? { type: "started", protocol: request.protocol } : answer(request));
});
