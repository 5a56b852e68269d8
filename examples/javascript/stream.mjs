// Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_INT, NNR_PT_FLOAT and NNR_PT_RAW_FLOAT (clause 6).

import { BitReader } from "./bits.mjs";
import { decodeCodeword } from "./entropy.mjs";
import { Refusal, Unsupported } from "./errors.mjs";
import { Past } from "./session.mjs";

const STR = 0;
const MPS = 1;
const NDU = 5;
const LAST_UNIT_TYPE = 6;
const INT = 0;
const FLOAT = 1;
const RAW_FLOAT = 2;
const BLOCK = 3;
const DC = 1;
const NODE = 0;
const SHA256 = 1;
const SHA512 = 2;
const DEFAULT_UNARY_LENGTH = 10;
const MOST_ELEMENTS = 2 ** 31;
const INVALID_PRODUCT = 0xffc00000; // 0 times an infinite step

// Reads what the second edition adds before the quantization; returns whether a performance comes after it.
function identification(bits, state) {
  const modelId = bits.u(1);
  const performance = bits.u(1);
  const metricType = bits.u(1);
  state.isUpdate = bits.u(1) === 1;
  if (!state.isUpdate) bits.reserved(1);
  else if (bits.u(1)) throw new Unsupported("residuals of predicted differences");
  bits.reserved(2);
  if (modelId) bits.st();
  if (performance || metricType) bits.st();
  return performance;
}

function modelParameterSet(bits, state) {
  if (state.mpsSeen) bits.refuse("order", "a second NNR_MPS");
  bits.u(1); // topology_carriage_flag
  const maps = bits.u(4);
  const methods = bits.u(3);
  if (bits.u(1)) throw new Unsupported("indexed references");
  let performance = 0;
  if (state.secondEdition) performance = identification(bits, state);
  else bits.reserved(7);
  if (maps) throw new Unsupported("performance maps");
  state.quantization = methods & 3 ? { density: bits.u(3), qp: bits.i(13) } : null;
  if (performance) bits.u(32); // validation_set_performance
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

// Reads the place of a unit in the parameter update tree; what is not sent is undefined.
function nodeAndParent(bits, state, type) {
  const nodePresent = bits.u(1);
  const node = nodePresent ? { device: bits.ue(1), parameter: bits.ue(5), depth: bits.ue(4) } : {};
  if (!state.isUpdate || !bits.u(1)) return { node, hasParent: false, temporalContexts: false };
  const parentType = bits.u(2);
  if (parentType > SHA512) bits.refuse("reserved", "parent_node_id_type is above 2");
  const temporalContexts = bits.u(1) === 1;
  if (temporalContexts && type === RAW_FLOAT) bits.refuse("value", "raw numbers have no contexts");
  if (parentType === NODE) {
    bits.ue(1); // parent_device_id
    if (!nodePresent) Object.assign(node, { parameter: bits.ue(5), depth: bits.ue(4) });
  } else {
    for (let words = parentType === SHA256 ? 8 : 16; words > 0; words--) bits.u(32); // the digest of the parent's payload
  }
  return { node, hasParent: true, temporalContexts };
}

// The dimensions of the tensor in the model before an update that leaves them out.
function knownDimensions(bits, state, session, name) {
  const before = session.model.get(name);
  if (!state.isUpdate || before === undefined) bits.refuse("dimension", "no dimensions, and nothing to take them from");
  return before.shape;
}

const elementsOf = (shape) => shape.reduce((product, size) => product * size, 1);
const dtypeOf = (type) => (type === INT ? "I32" : "F32");
const differ = (wanted, found) => wanted !== undefined && wanted !== found;

// Refuses a difference to something that is not there.
function checkParent(bits, session, { type, name, dimensions, node, temporalContexts }) {
  const before = session.model.get(name);
  if (before === undefined) bits.refuse("reference", "a difference to an unknown tensor");
  if (before.dtype !== dtypeOf(type) || before.shape.join() !== dimensions.join())
    bits.refuse("reference", "a difference of another type or shape than its tensor");
  const { node: parent, indexes } = session.pasts.get(name);
  if (!temporalContexts) {
    if (parent?.depth !== undefined && differ(node.depth, parent.depth + 1)) bits.refuse("order", "put_node_depth does not rise by 1");
    return;
  }
  if (parent === null) bits.refuse("reference", "temporal contexts without a parent's indexes");
  const another = differ(node.device, parent.device) || differ(node.parameter, parent.parameter) || differ(node.depth, parent.depth + 1);
  if (another || indexes.length !== elementsOf(dimensions)) bits.refuse("reference", "temporal contexts of a parent that is not known");
}

function dataUnitHeader(bits, state, session) {
  if (!state.mpsSeen) bits.refuse("order", "an NNR_NDU before any NNR_MPS");
  const type = bits.u(5);
  if (type > BLOCK) bits.refuse("reserved", "nnr_compressed_data_unit_payload_type is above 3");
  if (type === BLOCK) throw new Unsupported("NNR_PT_BLOCK");
  if (bits.u(1)) throw new Unsupported("several topology elements");
  const formatPresent = bits.u(1);
  const inputPresent = bits.u(1);
  const name = bits.st();
  const place = state.secondEdition ? nodeAndParent(bits, state, type) : { node: {}, hasParent: false, temporalContexts: false };
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
  dimensions ??= knownDimensions(bits, state, session, name);
  if (dimensions.length > 1) {
    if (state.secondEdition && bits.ue(1)) throw new Unsupported("moved dimensions");
    const scanOrder = bits.u(4);
    if (scanOrder > 4) bits.refuse("reserved", "scan_order is above 4");
    if (scanOrder > 0) throw new Unsupported("block scans");
  }
  bits.byteAlignment();
  return { type, name, dimensions, unaryLength, ...place };
}

// (2^d + (qp mod 2^d)) * 2^((qp >> d) - d), in binary32 (clause 9)
export function stepSize(density, qp) {
  const scale = 2 ** density;
  const fraction = ((qp % scale) + scale) % scale;
  return Math.fround((scale + fraction) * 2 ** ((qp - fraction) / scale - density));
}

// Decodes the payload to its data and its indexes, which are null if it is raw.
function dataUnitPayload(bits, header, state, past) {
  const elements = elementsOf(header.dimensions);
  if (header.type === RAW_FLOAT) {
    if (bits.bytesLeft < 4 * elements) bits.refuse("truncated", "fewer than 4 bytes an element");
    if (bits.bytesLeft > 4 * elements) bits.refuse("size", "bytes after the payload");
    return { data: bits.rest().slice(), indexes: null };
  }
  const { density, qp } = state.quantization ?? { density: 0, qp: 0 };
  const rows = header.dimensions[0];
  const around = {
    rows,
    columns: elements / rows,
    qpDeltaBits: header.type === FLOAT ? 6 + density : 0,
    unaryLength: header.unaryLength,
    secondEdition: state.secondEdition,
    hasParent: header.hasParent,
    base: header.temporalContexts ? past.indexes : null,
    seen: past?.seen?.length === elements ? past.seen : null,
  };
  let coded;
  try {
    coded = decodeCodeword(bits.rest(), around);
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
  return { data: new Uint8Array(view.buffer), indexes: coded.indexes };
}

const viewOf = ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength);

// Adds a difference to its tensor, element by element, in the tensor's type.
function sum(bits, before, difference) {
  const [was, change, after] = [viewOf(before.data), viewOf(difference), new DataView(new ArrayBuffer(difference.length))];
  for (let at = 0; at < difference.length; at += 4) {
    if (before.dtype === "F32") {
      after.setFloat32(at, was.getFloat32(at, true) + change.getFloat32(at, true), true);
      continue;
    }
    const value = was.getInt32(at, true) + change.getInt32(at, true);
    if (value !== (value | 0)) bits.refuse("value", "the sum of a tensor and its update does not fit int32");
    after.setInt32(at, value, true);
  }
  return { ...before, data: new Uint8Array(after.buffer) };
}

// Keeps what later updates ask of this unit: its indexes for temporal contexts, and where updates were not 0.
function remember(past, state, node, data, indexes) {
  if (state.isUpdate) {
    const floats = viewOf(data);
    const notZero = Uint8Array.from({ length: data.length / 4 }, (_, k) => ((indexes ? indexes[k] : floats.getFloat32(4 * k, true)) !== 0 ? 1 : 0));
    const before = past.seen?.length === notZero.length ? past.seen : notZero;
    past.seen = notZero.map((value, k) => value | before[k]);
  }
  if (indexes === null) return; // a RAW_FLOAT leaves the last indexes and their node in place
  past.node = state.isUpdate ? node : { ...node, depth: node.depth ?? 0 };
  past.indexes = indexes;
}

// Decodes an NNR_NDU and applies it to the model.
function dataUnit(bits, state, session) {
  const header = dataUnitHeader(bits, state, session);
  const { type, name, dimensions, node, hasParent } = header;
  if (state.tensors.has(name)) bits.refuse("reference", "a parameter is coded twice");
  if (hasParent) checkParent(bits, session, header);
  const past = session.pasts.get(name) ?? new Past();
  const { data, indexes } = dataUnitPayload(bits, header, state, past);
  const decoded = { dtype: dtypeOf(type), shape: dimensions, data };
  state.tensors.set(name, decoded);
  session.model.set(name, hasParent ? sum(bits, session.model.get(name), data) : decoded);
  remember(past, state, node, data, indexes);
  session.pasts.set(name, past);
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

function startUnit(bits, state) {
  const profile = bits.u(8);
  if (profile > 1) bits.refuse("unsupported", "general_profile_idc is above 1");
  state.secondEdition = profile === 1;
}

function decodeUnit(bits, state, session) {
  const type = unitHeader(bits, state);
  if (type === NDU) {
    dataUnit(bits, state, session);
    return;
  }
  if (type === MPS) modelParameterSet(bits, state);
  else startUnit(bits, state);
  if (bits.bytesLeft > 0) bits.refuse("size", "bytes after the payload");
}

// Decodes the next stream of a session, a Uint8Array, and applies it to the session's model. Returns a Map of name to
// {dtype, shape, data}: of an update the differences. Throws Unsupported, or Refusal with the number of the unit.
export function decodeStream(stream, session) {
  const state = { strSeen: false, mpsSeen: false, secondEdition: false, isUpdate: false, quantization: null, tensors: new Map() };
  if (stream.length === 0) throw new Refusal("order", "an empty stream", 0);
  let start = 0;
  for (let unit = 0; start < stream.length; unit++) {
    const bits = new BitReader(stream, start, stream.length);
    try {
      const size = bits.u(1) ? bits.u(31) : bits.u(15);
      if (start + size <= bits.byte) bits.refuse("size", "nnr_unit_size is smaller than its own field");
      if (start + size > stream.length) bits.refuse("truncated", "the unit is longer than the stream");
      bits.end = start + size;
      decodeUnit(bits, state, session);
      start += size;
    } catch (error) {
      if (error instanceof Refusal) error.unit = unit;
      throw error;
    }
  }
  return state.tensors;
}
