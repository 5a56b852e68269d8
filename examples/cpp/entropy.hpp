// Arithmetic decoder and indexes of one tensor (clause 10), without dependent quantization, in scan
// order 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

struct CodedTensor {
    int qp_delta = 0;
    std::vector<std::int32_t> indexes;
};

// Decodes the payload of a unit with one tensor of `count` indexes. `qp_delta_bits` is 0 if no qp_delta
// is coded (NNR_PT_INT). Throws Refusal with `byte` counted from `payload`.
CodedTensor decode_codeword(const std::uint8_t* payload, std::size_t size, std::uint64_t count, int qp_delta_bits, int unary_length);
