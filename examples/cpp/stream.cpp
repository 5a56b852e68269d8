#include "stream.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "bits.hpp"
#include "entropy.hpp"
#include "errors.hpp"

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559, "IEEE 754 is needed");

namespace {

enum UnitType { kStr = 0, kMps = 1, kNdu = 5, kLastType = 6 };
enum PayloadType { kInt = 0, kFloat = 1, kRawFloat = 2, kBlock = 3 };
enum CompressedParameterTypes { kDc = 1 };

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 31;
constexpr std::uint32_t kInvalidProduct = 0xFFC00000;  // 0 times an infinite step

struct State {
    bool str_seen = false, mps_seen = false, has_qp = false;
    int qp_density = 0, qp = 0;
    std::set<std::string> names;
};

struct Header {
    PayloadType type = kInt;
    std::string name;
    std::vector<std::uint64_t> dimensions;
    std::uint64_t elements = 1;
    int unary_length = 10;
};

void model_parameter_set(BitReader& bits, State& state) {
    if (state.mps_seen) bits.refuse("order", "a second NNR_MPS");
    bits.u(1);  // topology_carriage_flag
    const std::uint32_t maps = bits.u(4);
    const std::uint32_t methods = bits.u(3);
    if (bits.u(1)) throw Unsupported{"indexed references"};
    bits.reserved(7);
    if (maps) throw Unsupported{"performance maps"};
    state.has_qp = (methods & 3) != 0;
    if (state.has_qp) {
        state.qp_density = static_cast<int>(bits.u(3));
        state.qp = bits.i(13);
    }
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

Header data_unit_header(BitReader& bits, const State& state) {
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
    if (!dimensions_present) bits.refuse("dimension", "no dimensions, and no topology that could tell them");
    if (header.dimensions.size() > 1) {
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

std::vector<std::uint8_t> payload(BitReader& bits, const Header& header, const State& state) {
    std::vector<std::uint8_t> data;
    if (header.type == kRawFloat) {
        if (bits.bytes_left() < 4 * header.elements) bits.refuse("truncated", "fewer than 4 bytes an element");
        if (bits.bytes_left() > 4 * header.elements) bits.refuse("size", "bytes after the payload");
        data.assign(bits.here(), bits.here() + 4 * header.elements);
        return data;
    }
    const int qp_delta_bits = header.type == kFloat ? 6 + state.qp_density : 0;
    CodedTensor tensor;
    try {
        tensor = decode_codeword(bits.here(), bits.bytes_left(), header.elements, qp_delta_bits, header.unary_length);
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
    return data;
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

std::vector<Tensor> decode_stream(const std::vector<std::uint8_t>& stream, int& unit) {
    State state;
    std::vector<Tensor> tensors;
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
            if (bits.u(8) != 0) bits.refuse("unsupported", "general_profile_idc is not 0");
        } else if (type == kMps) {
            model_parameter_set(bits, state);
        } else {
            const Header header = data_unit_header(bits, state);
            if (!state.names.insert(header.name).second) bits.refuse("reference", "a parameter is coded twice");
            tensors.push_back({header.name, header.type != kInt, header.dimensions, payload(bits, header, state)});
        }
        if (type != kNdu && bits.bytes_left() > 0) bits.refuse("size", "bytes after the payload");
        start += size;
    }
    return tensors;
}
