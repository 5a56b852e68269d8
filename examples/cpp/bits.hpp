// Reader of bits, most significant first: u(n), i(n), ue(k), st(v), byte_alignment().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "errors.hpp"

class BitReader {
public:
    // Reads `data` from byte `first` up to byte `end`, which moves closer once the unit's size is known.
    BitReader(const std::uint8_t* data, std::size_t first, std::size_t end) : data_(data), position_(8 * first), end_(8 * end) {}

    std::size_t byte() const { return position_ / 8; }
    std::size_t bytes_left() const { return (end_ - position_) / 8; }
    const std::uint8_t* here() const { return data_ + byte(); }
    void bound(std::size_t end) { end_ = 8 * end; }

    [[noreturn]] void refuse(const std::string& category, const std::string& message) const { throw Refusal{category, message, byte()}; }

    std::uint32_t u(int bits) {
        std::uint32_t value = 0;
        for (int i = 0; i < bits; ++i) value = 2 * value + bit();
        return value;
    }

    std::int32_t i(int bits) {
        const std::int64_t value = u(bits);
        return static_cast<std::int32_t>(value - ((value >> (bits - 1)) << bits));
    }

    std::uint64_t ue(int k) {
        std::uint64_t value = 0;
        for (; bit() == 0; ++k) {
            if (k == 63) refuse("value", "an exp-Golomb suffix of more than 63 bits");
            value += std::uint64_t{1} << k;
        }
        std::uint64_t suffix = 0;
        for (int i = 0; i < k; ++i) suffix = 2 * suffix + bit();
        if (value + suffix < value) refuse("value", "a number of more than 64 bits");
        return value + suffix;
    }

    std::string st() {
        std::string text;
        while (true) {
            if (bytes_left() == 0) refuse("truncated", "no zero byte ends a string");
            const std::uint32_t byte = u(8);
            if (byte == 0) break;
            text.push_back(static_cast<char>(byte));
        }
        if (!is_utf8(text)) refuse("text", "a string is not UTF-8");
        return text;
    }

    void byte_alignment() {
        if (bit() != 1) refuse("alignment", "byte_alignment() begins with 0");
        while (position_ % 8 != 0)
            if (bit() != 0) refuse("alignment", "byte_alignment() goes on with 1");
    }

    void reserved(int bits) {
        if (u(bits) != 0) refuse("reserved", "a reserved bit is 1");
    }

private:
    std::uint32_t bit() {
        if (position_ >= end_) refuse("truncated", "the unit ends within an element");
        const std::uint32_t value = data_[position_ / 8] >> (7 - position_ % 8) & 1;
        ++position_;
        return value;
    }

    static bool is_utf8(const std::string& text);

    const std::uint8_t* data_;
    std::size_t position_;
    std::size_t end_;
};

inline bool BitReader::is_utf8(const std::string& text) {
    for (std::size_t i = 0; i < text.size();) {
        const std::uint8_t lead = static_cast<std::uint8_t>(text[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
        if (length == 0 || i + length > text.size()) return false;
        std::uint32_t code = length == 1 ? lead : lead & (0x7F >> length);
        for (std::size_t j = 1; j < length; ++j) {
            const std::uint8_t next = static_cast<std::uint8_t>(text[i + j]);
            if ((next & 0xC0) != 0x80) return false;
            code = code << 6 | (next & 0x3F);
        }
        const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
        if (overlong || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return false;
        i += length;
    }
    return true;
}
