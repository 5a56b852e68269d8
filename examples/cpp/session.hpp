// What a decoder keeps between the streams of a session: the model, and what later updates ask of earlier ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

struct Tensor {
    bool is_float = false;
    std::vector<std::uint64_t> dimensions;
    std::vector<std::uint8_t> data;  // little endian
};

using Tensors = std::map<std::string, Tensor>;

// The ids of an NNR_NDU in the parameter update tree; those that are not sent are empty.
struct NodeId {
    std::optional<std::uint64_t> device, parameter, depth;
};

struct Past {
    bool has_node = false;
    NodeId node;                        // of the last unit that coded indexes
    std::vector<std::int32_t> indexes;  // of that unit
    std::vector<bool> seen;             // where an update was not 0
};

struct Session {
    Tensors model;
    std::map<std::string, Past> pasts;
};
