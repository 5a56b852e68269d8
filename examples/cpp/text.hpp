// JSON strings, as far as the worker protocol and the safetensors header need them.
#pragma once

#include <map>
#include <string>

// `text` in quotes.
std::string quoted(const std::string& text);

// A flat JSON object of strings, as every request is one. Throws std::runtime_error.
std::map<std::string, std::string> parse_object(const std::string& line);
