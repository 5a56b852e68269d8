#include "entropy.hpp"

#include <cstdlib>
#include <limits>
#include <string>

#include "errors.hpp"
#include "tables.hpp"

namespace {

constexpr int kMaxPrefix = 31;

struct Context {
    int set = 0;
    int s0 = kParameterSets[0][3];
    int s1 = kParameterSets[0][2] - 16 * kParameterSets[0][3];

    void start(int number) {
        set = number;
        s0 = kParameterSets[set][3];
        s1 = kParameterSets[set][2] - 16 * s0;
    }

    void update(int bin) {
        const int t = bin ? 1 : -1;
        s0 += t * (kStateStep[16 + ((t * s0) >> 3)] >> (kParameterSets[set][0] + 4));
        s1 += t * (kStateStep[16 + ((t * s1) >> 7)] >> kParameterSets[set][1]);
    }
};

class ArithmeticDecoder {
public:
    ArithmeticDecoder(const std::uint8_t* payload, std::size_t size) : payload_(payload), bits_(8 * size) {
        for (int i = 0; i < 9; ++i) shift();
        if (offset_ >= range_) refuse("entropy", "the offset is not below the range");
    }

    int bin(Context& context) {
        const int s = 16 * context.s0 + context.s1;
        const int most_probable = s >= 0;
        const int lps = kLpsRange[std::abs(s >> 7) + (range_ & 0xE0)];
        int value = most_probable;
        range_ -= lps;
        if (offset_ >= range_) {
            value = 1 - most_probable;
            offset_ -= range_;
            range_ = lps;
        }
        renormalise();
        context.update(value);
        return value;
    }

    int bypass() {
        shift();
        if (offset_ < range_) return 0;
        offset_ -= range_;
        return 1;
    }

    std::uint32_t uae(int bits) {
        std::uint32_t value = 0;
        for (int i = 0; i < bits; ++i) value = 2 * value + bypass();
        return value;
    }

    int iae(int bits) {
        const int value = static_cast<int>(uae(bits));
        return value - ((value >> (bits - 1)) << bits);
    }

    // Reads the terminate bin and the stop bit, and checks that nothing follows.
    void terminate() {
        range_ -= 2;
        if (offset_ < range_) refuse("entropy", "the terminate bin is 0");
        const std::size_t used = (position_ + 7) / 8;
        const int unused = static_cast<int>(8 * used - position_);
        if ((payload_[used - 1] & ((2 << unused) - 1)) != 1 << unused) refuse("alignment", "the codeword does not end with 1 and zeros");
        if (8 * used != bits_) refuse("size", "bytes after the codeword");
    }

    [[noreturn]] void refuse(const char* category, const std::string& message) const { throw Refusal{category, message, position_ / 8}; }

private:
    void shift() {
        if (position_ >= bits_) refuse("truncated", "the codeword reads past the unit");
        offset_ = 2 * offset_ + (payload_[position_ / 8] >> (7 - position_ % 8) & 1);
        ++position_;
    }

    void renormalise() {
        while (range_ < 256) {
            range_ *= 2;
            shift();
        }
    }

    const std::uint8_t* payload_;
    std::size_t bits_;
    std::size_t position_ = 0;
    int range_ = 510;
    int offset_ = 0;
};

// Contexts in the order in which their parameter sets are sent. Those of temporal context modelling and of history
// dependent significance exist only if the tensor uses these tools.
struct Contexts {
    Contexts(int unary_length, bool tca, bool hdsp)
        : significance_tca(tca ? 2 : 0), significance_hdsp(hdsp ? 1 : 0), sign_tca(tca ? 2 : 0), greater(2 * unary_length), greater_tca(tca ? 2 * unary_length : 0), prefix(kMaxPrefix) {}

    std::vector<Context> significance{3}, significance_tca, significance_hdsp, sign{3}, sign_tca, greater, greater_tca, prefix;
    Context flag;

    // The parameter set of each context.
    void read_sets(ArithmeticDecoder& decoder) {
        for (auto* group : {&significance, &significance_tca, &significance_hdsp, &sign, &sign_tca, &greater, &greater_tca, &prefix})
            for (Context& context : *group) context.start(decoder.bin(flag) ? 1 + static_cast<int>(decoder.uae(3)) : 0);
    }
};

// What chooses the contexts of one index.
struct Neighbourhood {
    int previous = 0;       // 0 if the index coded before it was 0, 1 if negative, 2 if positive
    std::int64_t base = 0;  // the parent's index at its place, 0 without temporal context modelling
    bool seen = false;      // whether an earlier update was not 0 at its place
};

std::int32_t index(ArithmeticDecoder& decoder, Contexts& contexts, const Neighbourhood& at) {
    const std::int64_t base = std::abs(at.base);
    Context& significance = at.seen    ? contexts.significance_hdsp[0]
                            : at.base ? contexts.significance_tca[base > 1]
                                      : contexts.significance[at.previous];
    if (!decoder.bin(significance)) return 0;
    const int negative = decoder.bin(at.base ? contexts.sign_tca[at.base > 0] : contexts.sign[at.previous]);
    const std::int64_t unary_length = static_cast<std::int64_t>(contexts.greater.size() / 2);
    std::uint64_t magnitude = 1;
    std::int64_t j = 0;
    for (; j < unary_length; ++j, ++magnitude)
        if (!decoder.bin(at.base ? contexts.greater_tca[2 * j + (base < j)] : contexts.greater[2 * j + negative])) break;
    if (j == unary_length) {
        int bits = 0;
        for (; bits < kMaxPrefix && decoder.bin(contexts.prefix[bits]); ++bits) magnitude += std::uint64_t{1} << bits;
        magnitude += decoder.uae(bits);
    }
    const std::int64_t value = negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
        decoder.refuse("entropy", "an index does not fit int32");
    return static_cast<std::int32_t>(value);
}

}  // namespace

CodedTensor decode_codeword(const std::uint8_t* payload, std::size_t size, const Surroundings& around) {
    ArithmeticDecoder decoder(payload, size);
    CodedTensor tensor;
    if (around.qp_delta_bits) tensor.qp_delta = decoder.iae(around.qp_delta_bits);
    bool hdsp = false;
    std::vector<bool> skipped;
    if (around.second_edition && around.rows > 1 && around.columns > 1) {
        hdsp = around.has_parent && decoder.bypass();
        if (decoder.bypass()) {
            Context row_skip;
            for (std::uint64_t row = 0; row < around.rows; ++row) skipped.push_back(decoder.bin(row_skip));
        }
    }
    const std::vector<bool>* seen = hdsp ? around.seen : nullptr;
    Contexts contexts(around.unary_length, around.base != nullptr, hdsp);
    contexts.read_sets(decoder);
    Neighbourhood at;
    for (std::uint64_t row = 0, k = 0; row < around.rows; ++row) {
        const bool skip = !skipped.empty() && skipped[row];
        for (std::uint64_t column = 0; column < around.columns; ++column, ++k) {  // grows as it decodes: dimensions beyond the payload take no memory
            at.base = around.base ? (*around.base)[k] : 0;
            at.seen = seen && (*seen)[k];
            tensor.indexes.push_back(skip ? 0 : index(decoder, contexts, at));
            const std::int32_t value = tensor.indexes.back();
            if (!skip) at.previous = value == 0 ? 0 : value < 0 ? 1 : 2;
        }
    }
    decoder.terminate();
    return tensor;
}
