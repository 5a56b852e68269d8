#include "text.hpp"

#include <cctype>
#include <cstdio>
#include <stdexcept>

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const unsigned char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += static_cast<char>(c);
        } else if (c < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += static_cast<char>(c);
        }
    }
    return out + '"';
}

namespace {

class Parser {
public:
    explicit Parser(const std::string& text) : text_(text) {}

    std::map<std::string, std::string> object() {
        std::map<std::string, std::string> members;
        expect('{');
        while (next() != '}') {
            if (!members.empty()) expect(',');
            const std::string key = string();
            expect(':');
            members[key] = next() == '"' ? string() : number();
        }
        return members;
    }

private:
    char next() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
        if (at_ == text_.size()) throw std::runtime_error("a request ends early");
        return text_[at_];
    }

    void expect(char wanted) {
        if (next() != wanted) throw std::runtime_error("a request is not a flat JSON object of strings and numbers");
        ++at_;
    }

    std::string number() {
        std::string digits;
        while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) digits += text_[at_++];
        if (digits.empty()) throw std::runtime_error("a request is not a flat JSON object of strings and numbers");
        return digits;
    }

    std::string string() {
        expect('"');
        std::string out;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\')
                escape(out);
            else
                out += text_[at_++];
        }
        expect('"');
        return out;
    }

    void escape(std::string& out) {
        const std::string plain = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        at_ += 2;
        if (c != 'u') {
            const std::size_t place = plain.find(c);
            if (c == '\0' || place == std::string::npos) throw std::runtime_error("a request has an unknown escape");
            out += meant[place];
            return;
        }
        unsigned long code = hex();
        if (code >= 0xD800 && code < 0xDC00) {
            at_ += 2;  // skips the backslash and u of the second half of a surrogate pair
            code = 0x10000 + ((code - 0xD800) << 10) + (hex() - 0xDC00);
        }
        append_utf8(out, code);
    }

    unsigned long hex() {
        const std::string digits = at_ < text_.size() ? text_.substr(at_, 4) : "";
        at_ += 4;
        return std::stoul(digits, nullptr, 16);
    }

    static void append_utf8(std::string& out, unsigned long code) {
        if (code < 0x80) {
            out += static_cast<char>(code);
            return;
        }
        const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        out += static_cast<char>((0xFF00 >> (more + 1) & 0xFF) | code >> (6 * more));
        for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

}  // namespace

std::map<std::string, std::string> parse_object(const std::string& line) { return Parser(line).object(); }
