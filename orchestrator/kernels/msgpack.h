/* Writes the few kinds of MessagePack that stored state consists of, each in its shortest form as msgspec does; the
 * twin leaves it to msgspec, and a test compares the bytes. Four times as fast as that: docs/decisions/0033.
 *
 * Source: the MessagePack specification.
 */
#ifndef ORCHESTRATOR_KERNELS_MSGPACK_H
#define ORCHESTRATOR_KERNELS_MSGPACK_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

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

}  // namespace msgpack

#endif
