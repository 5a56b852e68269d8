#include "stream.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "bits.hpp"
#include "entropy.hpp"
#include "errors.hpp"

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559, "IEEE 754 is needed");

namespace {

enum UnitType { kStr = 0, kMps = 1, kNdu = 5, kLastType = 6 };
enum PayloadType { kInt = 0, kFloat = 1, kRawFloat = 2, kBlock = 3 };
enum CompressedParameterTypes { kDc = 1 };
enum ParentNodeIdType { kNode = 0, kSha256 = 1, kSha512 = 2 };

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 31;
constexpr std::uint32_t kInvalidProduct = 0xFFC00000;  // 0 times an infinite step

struct State {
    bool str_seen = false, mps_seen = false, has_qp = false;
    bool second_edition = false, is_update = false;
    int qp_density = 0, qp = 0;
};

struct Header {
    PayloadType type = kInt;
    std::string name;
    std::vector<std::uint64_t> dimensions;
    std::uint64_t elements = 1;
    int unary_length = 10;
    NodeId node;
    bool has_parent = false, temporal_contexts = false;

    std::uint64_t rows() const { return dimensions.empty() ? 1 : dimensions[0]; }
    bool same_kind(const Tensor& tensor) const { return tensor.is_float == (type != kInt) && tensor.dimensions == dimensions; }
};

// Reads what the second edition adds before the quantization; returns whether a performance comes after it.
bool identification(BitReader& bits, State& state) {
    const bool model_id = bits.u(1);
    const bool performance = bits.u(1);
    const bool metric_type = bits.u(1);
    state.is_update = bits.u(1);
    if (!state.is_update)
        bits.reserved(1);
    else if (bits.u(1))
        throw Unsupported{"residuals of predicted differences"};
    bits.reserved(2);
    if (model_id) bits.st();
    if (performance || metric_type) bits.st();
    return performance;
}

void model_parameter_set(BitReader& bits, State& state) {
    if (state.mps_seen) bits.refuse("order", "a second NNR_MPS");
    bits.u(1);  // topology_carriage_flag
    const std::uint32_t maps = bits.u(4);
    const std::uint32_t methods = bits.u(3);
    if (bits.u(1)) throw Unsupported{"indexed references"};
    bool performance = false;
    if (state.second_edition)
        performance = identification(bits, state);
    else
        bits.reserved(7);
    if (maps) throw Unsupported{"performance maps"};
    state.has_qp = (methods & 3) != 0;
    if (state.has_qp) {
        state.qp_density = static_cast<int>(bits.u(3));
        state.qp = bits.i(13);
    }
    if (performance) bits.u(32);  // validation_set_performance
    bits.byte_alignment();
    state.mps_seen = true;
}

void dimensions(BitReader& bits, Header& header) {
    const std::uint64_t count = bits.ue(1);
    if (count == 0) bits.refuse("dimension", "count_tensor_dimensions is 0");
    for (std::uint64_t j = 0; j < count; ++j) {
        const std::uint64_t size = bits.ue(7);
        if (size == 0) bits.refuse("dimension", "a dimension is 0");
        if (size > kMostElements / header.elements) bits.refuse("limit", "more elements than are taken");
        header.dimensions.push_back(size);
        header.elements *= size;
    }
}

// Reads the place of a unit in the parameter update tree.
void node_and_parent(BitReader& bits, const State& state, Header& header) {
    const bool node_present = bits.u(1);
    if (node_present) {
        header.node.device = bits.ue(1);
        header.node.parameter = bits.ue(5);
        header.node.depth = bits.ue(4);
    }
    header.has_parent = state.is_update && bits.u(1);
    if (!header.has_parent) return;
    const std::uint32_t type = bits.u(2);
    if (type > kSha512) bits.refuse("reserved", "parent_node_id_type is above 2");
    header.temporal_contexts = bits.u(1);
    if (header.temporal_contexts && header.type == kRawFloat) bits.refuse("value", "raw numbers have no contexts");
    if (type == kNode) {
        bits.ue(1);  // parent_device_id
        if (!node_present) {
            header.node.parameter = bits.ue(5);
            header.node.depth = bits.ue(4);
        }
    } else {
        for (int words = type == kSha256 ? 8 : 16; words > 0; --words) bits.u(32);  // the digest of the parent's payload
    }
}

// The dimensions of the tensor in the model before an update that leaves them out.
void known_dimensions(BitReader& bits, const State& state, const Session& session, Header& header) {
    const auto before = session.model.find(header.name);
    if (!state.is_update || before == session.model.end()) bits.refuse("dimension", "no dimensions, and nothing to take them from");
    header.dimensions = before->second.dimensions;
    for (const std::uint64_t size : header.dimensions) header.elements *= size;
}

// Refuses a difference to something that is not there.
void check_parent(BitReader& bits, const Session& session, const Header& header) {
    const auto before = session.model.find(header.name);
    if (before == session.model.end()) bits.refuse("reference", "a difference to an unknown tensor");
    if (!header.same_kind(before->second)) bits.refuse("reference", "a difference of another type or shape than its tensor");
    const auto found = session.pasts.find(header.name);
    const bool has_node = found != session.pasts.end() && found->second.has_node;
    const NodeId& wanted = header.node;
    if (!header.temporal_contexts) {
        if (has_node && found->second.node.depth && wanted.depth && *wanted.depth != *found->second.node.depth + 1)
            bits.refuse("order", "put_node_depth does not rise by 1");
        return;
    }
    if (!has_node) bits.refuse("reference", "temporal contexts without a parent's indexes");
    const NodeId& parent = found->second.node;
    const bool same = (!wanted.device || wanted.device == parent.device) && (!wanted.parameter || wanted.parameter == parent.parameter);
    const bool next = !wanted.depth || (parent.depth && *wanted.depth == *parent.depth + 1);
    if (!same || !next || found->second.indexes.size() != header.elements) bits.refuse("reference", "temporal contexts of a parent that is not known");
}

Header data_unit_header(BitReader& bits, const State& state, const Session& session) {
    if (!state.mps_seen) bits.refuse("order", "an NNR_NDU before any NNR_MPS");
    Header header;
    const std::uint32_t type = bits.u(5);
    if (type > kBlock) bits.refuse("reserved", "nnr_compressed_data_unit_payload_type is above 3");
    if (type == kBlock) throw Unsupported{"NNR_PT_BLOCK"};
    header.type = static_cast<PayloadType>(type);
    if (bits.u(1)) throw Unsupported{"several topology elements"};
    const bool format_present = bits.u(1);
    const bool input_present = bits.u(1);
    header.name = bits.st();
    if (state.second_edition) node_and_parent(bits, state, header);
    if (header.type == kFloat) {
        if (!state.has_qp) bits.refuse("reference", "no quantization parameter is in force");
        if (bits.u(1)) throw Unsupported{"codebooks"};
    }
    if (header.type != kRawFloat && bits.u(1)) throw Unsupported{"dependent quantization"};
    if (format_present) throw Unsupported{"decompressed data formats"};
    bool dimensions_present = false;
    if (input_present) {
        dimensions_present = bits.u(1);
        const bool unary_length_present = bits.u(1);
        if (bits.u(4) & kDc) throw Unsupported{"decomposed weights"};
        if (dimensions_present) dimensions(bits, header);
        if (unary_length_present) header.unary_length = static_cast<int>(bits.u(8)) + 1;
    }
    if (!dimensions_present) known_dimensions(bits, state, session, header);
    if (header.dimensions.size() > 1) {
        if (state.second_edition && bits.ue(1)) throw Unsupported{"moved dimensions"};
        const std::uint32_t scan_order = bits.u(4);
        if (scan_order > 4) bits.refuse("reserved", "scan_order is above 4");
        if (scan_order > 0) throw Unsupported{"block scans"};
    }
    bits.byte_alignment();
    return header;
}

void append(std::vector<std::uint8_t>& data, std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) data.push_back(static_cast<std::uint8_t>(word >> shift));
}

std::uint32_t word_at(const std::vector<std::uint8_t>& data, std::size_t at) {
    std::uint32_t word = 0;
    for (int byte = 3; byte >= 0; --byte) word = word << 8 | data[at + byte];
    return word;
}

std::uint32_t bits_of(float value) {
    std::uint32_t word;
    std::memcpy(&word, &value, sizeof word);
    return word;
}

// (2^d + (qp mod 2^d)) * 2^((qp >> d) - d), in binary32 (clause 9)
float step_size(int density, int qp) {
    const int scale = 1 << density;
    const int fraction = ((qp % scale) + scale) % scale;
    return static_cast<float>(std::ldexp(scale + fraction, (qp - fraction) / scale - density));
}

float float_of(std::uint32_t word) {
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

// Decodes the payload; `indexes` are the tensor's, none if it is raw.
std::vector<std::uint8_t> payload(BitReader& bits, const Header& header, const State& state, const Session& session, std::vector<std::int32_t>& indexes) {
    std::vector<std::uint8_t> data;
    if (header.type == kRawFloat) {
        if (bits.bytes_left() < 4 * header.elements) bits.refuse("truncated", "fewer than 4 bytes an element");
        if (bits.bytes_left() > 4 * header.elements) bits.refuse("size", "bytes after the payload");
        data.assign(bits.here(), bits.here() + 4 * header.elements);
        return data;
    }
    Surroundings around;
    around.rows = header.rows();
    around.columns = header.elements / around.rows;
    around.qp_delta_bits = header.type == kFloat ? 6 + state.qp_density : 0;
    around.unary_length = header.unary_length;
    around.second_edition = state.second_edition;
    around.has_parent = header.has_parent;
    const auto past = session.pasts.find(header.name);
    if (past != session.pasts.end() && header.temporal_contexts) around.base = &past->second.indexes;
    if (past != session.pasts.end() && past->second.seen.size() == header.elements) around.seen = &past->second.seen;
    CodedTensor tensor;
    try {
        tensor = decode_codeword(bits.here(), bits.bytes_left(), around);
    } catch (Refusal& refusal) {
        refusal.byte += bits.byte();
        throw;
    }
    const float step = step_size(state.qp_density, state.qp + tensor.qp_delta);
    data.reserve(4 * tensor.indexes.size());
    for (const std::int32_t index : tensor.indexes) {
        const float value = static_cast<float>(index) * step;
        append(data, header.type == kInt ? static_cast<std::uint32_t>(index) : std::isnan(value) ? kInvalidProduct : bits_of(value));
    }
    indexes = std::move(tensor.indexes);
    return data;
}

// Adds a difference to its tensor, element by element, in the tensor's type.
void add(BitReader& bits, Tensor& tensor, const std::vector<std::uint8_t>& difference) {
    std::vector<std::uint8_t> sums;
    sums.reserve(difference.size());
    for (std::size_t at = 0; at < difference.size(); at += 4) {
        const std::uint32_t before = word_at(tensor.data, at), change = word_at(difference, at);
        if (tensor.is_float) {
            append(sums, bits_of(float_of(before) + float_of(change)));
            continue;
        }
        const std::int64_t sum = std::int64_t{static_cast<std::int32_t>(before)} + static_cast<std::int32_t>(change);
        if (sum != static_cast<std::int32_t>(sum)) bits.refuse("value", "the sum of a tensor and its update does not fit int32");
        append(sums, static_cast<std::uint32_t>(sum));
    }
    tensor.data = std::move(sums);
}

// Keeps what later updates ask of this unit: its indexes for temporal contexts, and where updates were not 0.
void remember(Past& past, const Header& header, const State& state, const Tensor& decoded, std::vector<std::int32_t>& indexes) {
    if (state.is_update) {
        past.seen.resize(past.seen.size() == header.elements ? header.elements : 0);
        past.seen.resize(header.elements);
        for (std::size_t k = 0; k < header.elements; ++k) {
            const std::uint32_t word = word_at(decoded.data, 4 * k);
            const bool not_zero = header.type == kRawFloat ? float_of(word) != 0 : indexes[k] != 0;
            past.seen[k] = past.seen[k] || not_zero;
        }
    }
    if (header.type == kRawFloat) return;  // it leaves the last indexes and their node in place
    past.has_node = true;
    past.node = header.node;
    if (!state.is_update && !past.node.depth) past.node.depth = 0;
    past.indexes = std::move(indexes);
}

// Decodes an NNR_NDU and applies it to the model.
void data_unit(BitReader& bits, const State& state, Session& session, Tensors& tensors) {
    const Header header = data_unit_header(bits, state, session);
    if (tensors.count(header.name)) bits.refuse("reference", "a parameter is coded twice");
    if (header.has_parent) check_parent(bits, session, header);
    std::vector<std::int32_t> indexes;
    const Tensor decoded{header.type != kInt, header.dimensions, payload(bits, header, state, session, indexes)};
    tensors[header.name] = decoded;
    if (header.has_parent)
        add(bits, session.model[header.name], decoded.data);
    else
        session.model[header.name] = decoded;
    remember(session.pasts[header.name], header, state, decoded, indexes);
}

void unit_header(BitReader& bits, State& state, std::uint32_t type) {
    if (type > kLastType) bits.refuse("reserved", "nnr_unit_type is above 6");
    if (!state.str_seen && type != kStr) bits.refuse("order", "the first unit is no NNR_STR");
    if (state.str_seen && type == kStr) bits.refuse("order", "a second NNR_STR");
    state.str_seen = true;
    bits.u(1);  // independently_decodable_flag
    if (bits.u(1)) throw Unsupported{"partial data units"};
    if (type != kStr && type != kMps && type != kNdu) throw Unsupported{"NNR_LPS, NNR_TPL, NNR_QNT and NNR_AGG"};
}

}  // namespace

Tensors decode_stream(const std::vector<std::uint8_t>& stream, Session& session, int& unit) {
    State state;
    Tensors tensors;
    if (stream.empty()) throw Refusal{"order", "an empty stream", 0};
    std::size_t start = 0;
    for (unit = 0; start < stream.size(); ++unit) {
        BitReader bits(stream.data(), start, stream.size());
        const std::size_t size = bits.u(1) ? bits.u(31) : bits.u(15);
        if (start + size <= bits.byte()) bits.refuse("size", "nnr_unit_size is smaller than its own field");
        if (size > stream.size() - start) bits.refuse("truncated", "the unit is longer than the stream");
        bits.bound(start + size);
        const std::uint32_t type = bits.u(6);
        unit_header(bits, state, type);
        if (type == kStr) {
            const std::uint32_t profile = bits.u(8);
            if (profile > 1) bits.refuse("unsupported", "general_profile_idc is above 1");
            state.second_edition = profile == 1;
        } else if (type == kMps) {
            model_parameter_set(bits, state);
        } else {
            data_unit(bits, state, session, tensors);
        }
        if (type != kNdu && bits.bytes_left() > 0) bits.refuse("size", "bytes after the payload");
        start += size;
    }
    return tensors;
}
