// Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_INT, NNR_PT_FLOAT and NNR_PT_RAW_FLOAT (clause 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct Tensor {
    std::string name;
    bool is_float = false;
    std::vector<std::uint64_t> dimensions;
    std::vector<std::uint8_t> data;  // little endian
};

// Decodes `stream`. Throws Refusal or Unsupported; `unit` is the number of the last unit read.
std::vector<Tensor> decode_stream(const std::vector<std::uint8_t>& stream, int& unit);
