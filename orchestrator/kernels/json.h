/* Writes JSON as msgspec does, as far as it is plain; a text or a number that needs a closer look is left to msgspec,
 * and a test compares the bytes. */
#ifndef ORCHESTRATOR_KERNELS_JSON_H
#define ORCHESTRATOR_KERNELS_JSON_H

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace json {

class Writer {
  public:
    std::string out;

    /* What is JSON already. */
    void raw(const char *data, size_t size) { out.append(data, size); }
    void raw(const char *text) { out.append(text); }

    void integer(int64_t value) {
        char digits[24];
        out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }

    /* False, and nothing is written, unless *value* is whole and not large. */
    bool number(double value) {
        if (!(value > -LARGE && value < LARGE) || value != (double)(int64_t)value) return false;
        if (value == 0 && signbit_of(value)) return false;
        integer((int64_t)value);
        out.append(".0");
        return true;
    }

    /* False, and nothing is written, unless all of *data* is printable ASCII that stands for itself. */
    bool text(const char *data, size_t size) {
        if (!is_plain(data, size)) return false;
        quote(data, size);
        return true;
    }

    /* The same of a text on one line in at most so many characters, unless that changes more than its ends. */
    bool line(const char *data, size_t size, size_t most) {
        if (size > most || !is_plain(data, size) || has_two_blanks(data, size)) return false;
        if (size && *data == ' ') data++, size--;
        if (size && data[size - 1] == ' ') size--;
        quote(data, size);
        return true;
    }

  private:
    static constexpr double LARGE = 1e15;

    static bool signbit_of(double value) {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        return bits >> 63;
    }

    void quote(const char *data, size_t size) {
        out.push_back('"');
        out.append(data, size);
        out.push_back('"');
    }

    /* Without a branch a byte, so that compilers look at many at once. */
    static bool is_plain(const char *data, size_t size) {
        unsigned odd = 0;
        for (size_t place = 0; place < size; place++) {
            const unsigned char byte = (unsigned char)data[place];
            odd |=
                (unsigned)(byte < 0x20) | (unsigned)(byte > 0x7E) | (unsigned)(byte == '"') | (unsigned)(byte == '\\');
        }
        return odd == 0;
    }

    static bool has_two_blanks(const char *data, size_t size) {
        unsigned found = 0;
        for (size_t place = 1; place < size; place++)
            found |= (unsigned)(data[place - 1] == ' ') & (unsigned)(data[place] == ' ');
        return found != 0;
    }
};

}  // namespace json

#endif
