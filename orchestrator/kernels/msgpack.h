/* Writes the few kinds of MessagePack that stored state consists of, each in its shortest form as msgspec does; the
 * twin leaves it to msgspec, and a test compares the bytes. Four times as fast as that: docs/decisions/0033.
 *
 * Reads them, too, and takes nothing else: what it refuses may be valid all the same, and msgspec says whether it is.
 *
 * Source: the MessagePack specification.
 */
#ifndef ORCHESTRATOR_KERNELS_MSGPACK_H
#define ORCHESTRATOR_KERNELS_MSGPACK_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace msgpack {

class Writer {
  public:
    std::string out;

    void nil() { out.push_back((char)0xC0); }

    void integer(int64_t value) {
        if (value >= 0)
            unsigned_integer((uint64_t)value);
        else if (value >= -32)
            out.push_back((char)value);
        else if (value >= INT8_MIN)
            number(0xD0, (uint64_t)value, 1);
        else if (value >= INT16_MIN)
            number(0xD1, (uint64_t)value, 2);
        else if (value >= INT32_MIN)
            number(0xD2, (uint64_t)value, 4);
        else
            number(0xD3, (uint64_t)value, 8);
    }

    void real(double value) {
        uint64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        number(0xCB, bits, 8);
    }

    void array(size_t count) {
        if (count < 16)
            out.push_back((char)(0x90 | count));
        else
            count <= UINT16_MAX ? number(0xDC, count, 2) : number(0xDD, count, 4);
    }

    void text(const char *data, size_t size) {
        if (size < 32)
            out.push_back((char)(0xA0 | size));
        else
            sized(0xD9, size);
        out.append(data, size);
    }

    void binary(const char *data, size_t size) {
        sized(0xC4, size);
        out.append(data, size);
    }

  private:
    void unsigned_integer(uint64_t value) {
        if (value < 128)
            out.push_back((char)value);
        else if (value <= UINT8_MAX)
            number(0xCC, value, 1);
        else if (value <= UINT16_MAX)
            number(0xCD, value, 2);
        else if (value <= UINT32_MAX)
            number(0xCE, value, 4);
        else
            number(0xCF, value, 8);
    }

    /* A size in one, two or four bytes; their kinds follow each other. */
    void sized(uint8_t kind, size_t size) {
        if (size <= UINT8_MAX)
            number(kind, size, 1);
        else if (size <= UINT16_MAX)
            number((uint8_t)(kind + 1), size, 2);
        else
            number((uint8_t)(kind + 2), size, 4);
    }

    /* A kind and the lowest bytes of *value*, the highest of them first. */
    void number(uint8_t kind, uint64_t value, int bytes) {
        out.push_back((char)kind);
        for (int place = bytes - 1; place >= 0; place--) out.push_back((char)(value >> (8 * place)));
    }
};

/* Whether *text* is UTF-8 as Python decodes it: no surrogates, no longer forms than needed, nothing past U+10FFFF. */
static inline bool is_utf8(std::string_view text) {
    const unsigned char *at = (const unsigned char *)text.data(), *const stop = at + text.size();
    while (at < stop) {
        uint64_t eight;
        for (; stop - at >= 8; at += 8) {
            memcpy(&eight, at, sizeof(eight));
            if (eight & 0x8080808080808080u) break;
        }
        if (at == stop) break;
        if (*at < 0x80) {
            at++;
            continue;
        }
        const unsigned first = *at;
        const int more = first >= 0xC2 && first < 0xE0   ? 1
                         : (first & 0xF0) == 0xE0        ? 2
                         : first >= 0xF0 && first < 0xF5 ? 3
                                                         : 0;
        if (more == 0 || stop - at <= more) return false;
        for (int place = 1; place <= more; place++)
            if ((at[place] & 0xC0) != 0x80) return false;
        if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] >= 0xA0) || (first == 0xF0 && at[1] < 0x90) ||
            (first == 0xF4 && at[1] >= 0x90))
            return false;
        at += more + 1;
    }
    return true;
}

/* Reads one value after the other; each says whether it is of the kind that is asked for, and whole. */
class Reader {
  public:
    Reader(const char *data, size_t size) : at_((const uint8_t *)data), stop_(at_ + size) {}

    bool ended() const { return at_ == stop_; }

    /* Bytes that are not read yet. */
    size_t left() const { return (size_t)(stop_ - at_); }

    bool nil() {
        if (at_ == stop_ || *at_ != 0xC0) return false;
        at_++;
        return true;
    }

    /* Of 64 bits with a sign. */
    bool integer(int64_t *value) {
        if (at_ == stop_) return false;
        const uint8_t kind = *at_;
        uint64_t bits;
        if (kind < 0x80 || kind >= 0xE0) {
            *value = (int8_t)kind;
            at_++;
            return true;
        }
        if (kind < 0xCC || kind > 0xD3) return false;
        const int bytes = 1 << (kind & 3);
        if (!number(bytes, &bits)) return false;
        const int unused = 64 - 8 * bytes;
        *value = kind < 0xD0 ? (int64_t)bits : (int64_t)(bits << unused) >> unused;
        return kind < 0xD0 ? bits <= (uint64_t)INT64_MAX : true;
    }

    /* Not negative, and small enough to count on from there in 64 bits: fold_py.MOST_STORED. */
    bool count(int64_t *value) { return integer(value) && *value >= 0 && *value <= (int64_t)1 << 62; }

    bool real(double *value) {
        uint64_t bits;
        if (at_ == stop_ || *at_ != 0xCB || !number(8, &bits)) return false;
        memcpy(value, &bits, sizeof(bits));
        return true;
    }

    bool array(size_t *count) {
        if (at_ < stop_ && (*at_ & 0xF0) == 0x90) {
            *count = *at_++ & 0x0F;
            return true;
        }
        return sized(0xDC, 2, 4, count);
    }

    /* UTF-8. */
    bool text(std::string_view *value) {
        size_t size;
        if (at_ < stop_ && (*at_ & 0xE0) == 0xA0)
            size = *at_++ & 0x1F;
        else if (!sized(0xD9, 1, 4, &size))
            return false;
        return take(size, value) && is_utf8(*value);
    }

    bool binary(std::string_view *value) {
        size_t size;
        return sized(0xC4, 1, 4, &size) && take(size, value);
    }

  private:
    const uint8_t *at_, *const stop_;

    bool take(size_t size, std::string_view *value) {
        if ((size_t)(stop_ - at_) < size) return false;
        *value = std::string_view((const char *)at_, size);
        at_ += size;
        return true;
    }

    /* A size in *least* to *most* bytes; their kinds follow each other from *kind* on. */
    bool sized(uint8_t kind, int least, int most, size_t *size) {
        uint64_t bits;
        for (int bytes = least; at_ < stop_ && bytes <= most; bytes *= 2, kind++)
            if (*at_ == kind) {
                if (!number(bytes, &bits)) return false;
                *size = (size_t)bits;
                return true;
            }
        return false;
    }

    /* The *bytes* after a kind, the highest of them first. */
    bool number(int bytes, uint64_t *bits) {
        if (stop_ - at_ <= bytes) return false;
        *bits = 0;
        for (int place = 1; place <= bytes; place++) *bits = *bits << 8 | at_[place];
        at_ += bytes + 1;
        return true;
    }
};

}  // namespace msgpack

#endif
