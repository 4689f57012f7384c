/* Floats in base64, as the RFC has it (RFC 4648, section 4): padded, without blanks. */
#ifndef ORCHESTRATOR_KERNELS_BASE64_H
#define ORCHESTRATOR_KERNELS_BASE64_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace scan {

static inline int base64_digit(unsigned char byte) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* Append the little-endian float32 numbers in *text*, *most* of them at most; false if they are not what it holds. Then
 * the caller takes back what was appended. */
static inline bool base64_floats(std::string_view text, ptrdiff_t most, std::vector<float> *values) {
    if (text.size() % 4) return false;
    size_t padding = 0;
    while (padding < 2 && !text.empty() && text.back() == '=') {
        text.remove_suffix(1);
        padding++;
    }
    const size_t bytes = (text.size() + padding) / 4 * 3 - padding;
    if (bytes % 4 || bytes / 4 > (size_t)most) return false;
    const size_t first = values->size();
    values->resize(first + bytes / 4);
    unsigned char *out = (unsigned char *)(values->data() + first);
    uint32_t bits = 0;
    int held = 0;
    for (const char byte : text) {
        const int digit = base64_digit((unsigned char)byte);
        if (digit < 0) return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) *out++ = (unsigned char)(bits >> (held -= 8));
    }
    return true;
}

}  // namespace scan

#endif
