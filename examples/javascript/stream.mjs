// Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_INT, NNR_PT_FLOAT and NNR_PT_RAW_FLOAT (clause 6).

import { BitReader } from "./bits.mjs";
import { decodeCodeword } from "./entropy.mjs";
import { Refusal, Unsupported } from "./errors.mjs";

const STR = 0;
const MPS = 1;
const NDU = 5;
const LAST_UNIT_TYPE = 6;
const INT = 0;
const FLOAT = 1;
const RAW_FLOAT = 2;
const BLOCK = 3;
const DC = 1;
const DEFAULT_UNARY_LENGTH = 10;
const MOST_ELEMENTS = 2 ** 31;
const INVALID_PRODUCT = 0xffc00000; // 0 times an infinite step

function modelParameterSet(bits, state) {
  if (state.mpsSeen) bits.refuse("order", "a second NNR_MPS");
  bits.u(1); // topology_carriage_flag
  const maps = bits.u(4);
  const methods = bits.u(3);
  if (bits.u(1)) throw new Unsupported("indexed references");
  bits.reserved(7);
  if (maps) throw new Unsupported("performance maps");
  state.quantization = methods & 3 ? { density: bits.u(3), qp: bits.i(13) } : null;
  bits.byteAlignment();
  state.mpsSeen = true;
}

function readDimensions(bits) {
  const count = bits.ue(1);
  if (count === 0) bits.refuse("dimension", "count_tensor_dimensions is 0");
  const dimensions = [];
  let elements = 1;
  for (let j = 0; j < count; j++) {
    dimensions.push(bits.ue(7));
    elements *= dimensions[j];
    if (elements === 0) bits.refuse("dimension", "a dimension is 0");
    if (elements > MOST_ELEMENTS) bits.refuse("limit", "more elements than are taken");
  }
  return dimensions;
}

function dataUnitHeader(bits, state) {
  if (!state.mpsSeen) bits.refuse("order", "an NNR_NDU before any NNR_MPS");
  const type = bits.u(5);
  if (type > BLOCK) bits.refuse("reserved", "nnr_compressed_data_unit_payload_type is above 3");
  if (type === BLOCK) throw new Unsupported("NNR_PT_BLOCK");
  if (bits.u(1)) throw new Unsupported("several topology elements");
  const formatPresent = bits.u(1);
  const inputPresent = bits.u(1);
  const name = bits.st();
  if (type === FLOAT) {
    if (state.quantization === null) bits.refuse("reference", "no quantization parameter is in force");
    if (bits.u(1)) throw new Unsupported("codebooks");
  }
  if (type !== RAW_FLOAT && bits.u(1)) throw new Unsupported("dependent quantization");
  if (formatPresent) throw new Unsupported("decompressed data formats");
  let dimensions = null;
  let unaryLength = DEFAULT_UNARY_LENGTH;
  if (inputPresent) {
    const dimensionsPresent = bits.u(1);
    const unaryLengthPresent = bits.u(1);
    if (bits.u(4) & DC) throw new Unsupported("decomposed weights");
    if (dimensionsPresent) dimensions = readDimensions(bits);
    if (unaryLengthPresent) unaryLength = bits.u(8) + 1;
  }
  if (dimensions === null) bits.refuse("dimension", "no dimensions, and no topology that could tell them");
  if (dimensions.length > 1) {
    const scanOrder = bits.u(4);
    if (scanOrder > 4) bits.refuse("reserved", "scan_order is above 4");
    if (scanOrder > 0) throw new Unsupported("block scans");
  }
  bits.byteAlignment();
  return { type, name, dimensions, unaryLength };
}

// (2^d + (qp mod 2^d)) * 2^((qp >> d) - d), in binary32 (clause 9)
function stepSize(density, qp) {
  const scale = 2 ** density;
  const fraction = ((qp % scale) + scale) % scale;
  return Math.fround((scale + fraction) * 2 ** ((qp - fraction) / scale - density));
}

function dataUnitPayload(bits, header, state) {
  const elements = header.dimensions.reduce((product, size) => product * size, 1);
  if (header.type === RAW_FLOAT) {
    if (bits.bytesLeft < 4 * elements) bits.refuse("truncated", "fewer than 4 bytes an element");
    if (bits.bytesLeft > 4 * elements) bits.refuse("size", "bytes after the payload");
    return bits.rest().slice();
  }
  const { density, qp } = state.quantization ?? { density: 0, qp: 0 };
  let coded;
  try {
    coded = decodeCodeword(bits.rest(), elements, header.type === FLOAT ? 6 + density : 0, header.unaryLength);
  } catch (error) {
    if (error instanceof Refusal) error.byte += bits.byte;
    throw error;
  }
  const view = new DataView(new ArrayBuffer(4 * elements));
  const step = stepSize(density, qp + coded.qpDelta);
  coded.indexes.forEach((value, k) => {
    const product = Math.fround(value) * step;
    if (header.type === INT) view.setInt32(4 * k, value, true);
    else if (Number.isNaN(product)) view.setUint32(4 * k, INVALID_PRODUCT, true);
    else view.setFloat32(4 * k, product, true);
  });
  return new Uint8Array(view.buffer);
}

function unitHeader(bits, state) {
  const type = bits.u(6);
  if (type > LAST_UNIT_TYPE) bits.refuse("reserved", "nnr_unit_type is above 6");
  if (!state.strSeen && type !== STR) bits.refuse("order", "the first unit is no NNR_STR");
  if (state.strSeen && type === STR) bits.refuse("order", "a second NNR_STR");
  state.strSeen = true;
  bits.u(1); // independently_decodable_flag
  if (bits.u(1)) throw new Unsupported("partial data units");
  if (![STR, MPS, NDU].includes(type)) throw new Unsupported("NNR_LPS, NNR_TPL, NNR_QNT and NNR_AGG");
  return type;
}

function decodeUnit(bits, state) {
  const type = unitHeader(bits, state);
  if (type === NDU) {
    const header = dataUnitHeader(bits, state);
    if (state.tensors.has(header.name)) bits.refuse("reference", "a parameter is coded twice");
    const data = dataUnitPayload(bits, header, state);
    state.tensors.set(header.name, { dtype: header.type === INT ? "I32" : "F32", shape: header.dimensions, data });
    return;
  }
  if (type === MPS) modelParameterSet(bits, state);
  else if (bits.u(8) !== 0) bits.refuse("unsupported", "general_profile_idc is not 0");
  if (bits.bytesLeft > 0) bits.refuse("size", "bytes after the payload");
}

// Decodes a Uint8Array to a Map of name to {dtype, shape, data}. Throws Unsupported, or Refusal with
// the number of the unit.
export function decodeStream(stream) {
  const state = { strSeen: false, mpsSeen: false, quantization: null, tensors: new Map() };
  if (stream.length === 0) throw new Refusal("order", "an empty stream", 0);
  let start = 0;
  for (let unit = 0; start < stream.length; unit++) {
    const bits = new BitReader(stream, start, stream.length);
    try {
      const size = bits.u(1) ? bits.u(31) : bits.u(15);
      if (start + size <= bits.byte) bits.refuse("size", "nnr_unit_size is smaller than its own field");
      if (start + size > stream.length) bits.refuse("truncated", "the unit is longer than the stream");
      bits.end = start + size;
      decodeUnit(bits, state);
      start += size;
    } catch (error) {
      if (error instanceof Refusal) error.unit = unit;
      throw error;
    }
  }
  return state.tensors;
}
