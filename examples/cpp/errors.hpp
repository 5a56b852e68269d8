// The two ways in which a stream is not decoded.
#pragma once

#include <cstddef>
#include <string>

// The stream breaks a rule; `category` is one of the closed list, `byte` where it was met.
struct Refusal {
    std::string category;
    std::string message;
    std::size_t byte;
};

// The stream needs a part of the standard that is not implemented here.
struct Unsupported {
    std::string what;
};
