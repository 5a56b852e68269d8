// JSON as far as the worker protocol and the safetensors header need it.
#pragma once

#include <map>
#include <string>

// Returns `text` as a JSON string.
std::string quoted(const std::string& text);

// Parses a flat JSON object of strings and numbers, such as a request; numbers stay as they are written. Throws std::runtime_error.
std::map<std::string, std::string> parse_object(const std::string& line);
