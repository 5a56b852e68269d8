// Two reasons not to decode a stream.
#pragma once

#include <cstddef>
#include <string>

// The stream breaks a rule: its category, and the byte where it was noticed.
struct Refusal {
    std::string category;
    std::string message;
    std::size_t byte;
};

// The stream needs a part of the standard that this decoder does not implement.
struct Unsupported {
    std::string what;
};
