// Decoder of NNR_STR, NNR_MPS and NNR_NDU with NNR_PT_INT, NNR_PT_FLOAT and NNR_PT_RAW_FLOAT (clause 6).
#pragma once

#include <cstdint>
#include <vector>

#include "session.hpp"

// Decodes the next stream of a session and applies it to the session's model. Returns what the stream codes: of an
// update the differences. Throws Refusal or Unsupported; `unit` is the number of the last unit read.
Tensors decode_stream(const std::vector<std::uint8_t>& stream, Session& session, int& unit);
