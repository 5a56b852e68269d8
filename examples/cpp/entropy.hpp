// Arithmetic decoder and indexes of one tensor (clause 10), without dependent quantization, in scan
// order 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// What a tensor is decoded with.
struct Surroundings {
    std::uint64_t rows = 1, columns = 1;
    int qp_delta_bits = 0;  // 0 if no qp_delta is coded (NNR_PT_INT)
    int unary_length = 10;
    bool second_edition = false;
    bool has_parent = false;
    const std::vector<std::int32_t>* base = nullptr;  // the parent's indexes, with temporal context modelling
    const std::vector<bool>* seen = nullptr;          // where an earlier update was not 0; null if no place is known
};

struct CodedTensor {
    int qp_delta = 0;
    std::vector<std::int32_t> indexes;
};

// Decodes the payload of a unit with one tensor. Throws Refusal with `byte` counted from `payload`.
CodedTensor decode_codeword(const std::uint8_t* payload, std::size_t size, const Surroundings& around);
