/* Compares what base64 is read by with its definition, level by level: every length, every beginning, every character
 * at every place, every padding.
 *
 * base64_check [LEVEL]: fails unless the machine's best level is that one. A program of its own, because it also runs
 * where no Python does, and under sanitizers: each text and each block of bytes ends where its memory does.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base64.h"

static std::mt19937_64 random_bits(20260101);

static const std::string ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr ptrdiff_t MOST = 16384;

static void require(bool holds, const char *what, const std::string &text) {
    if (holds) return;
    fprintf(stderr, "level %d: %s: %s\n", base64::instructions, what, text.c_str());
    exit(1);
}

static std::string random_digits(size_t size) {
    std::string text(size, 'A');
    for (char &digit : text) digit = ALPHABET[random_bits() % 64];
    return text;
}

/* The bytes of *text*, digit by digit and bit by bit; false if there are none. */
static bool defined(std::string text, ptrdiff_t most, std::string *bytes) {
    if (text.size() % 4) return false;
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; padding++) text.pop_back();
    std::string bits;
    for (const char digit : text) {
        const size_t value = ALPHABET.find(digit);
        if (value == ALPHABET.npos) return false;
        for (int bit = 5; bit >= 0; bit--) bits += (value >> bit & 1) ? '1' : '0';
    }
    for (size_t at = 0; at + 8 <= bits.size(); at += 8)
        *bytes += (char)(unsigned char)strtoul(bits.substr(at, 8).c_str(), nullptr, 2);
    return bytes->size() % 4 == 0 && bytes->size() / 4 <= (size_t)most;
}

/* *text* is taken or refused as defined, behind *shift* bytes and behind numbers that are there already. */
static void check(const std::string &text, size_t shift, ptrdiff_t most = MOST) {
    const std::unique_ptr<char[]> block(new char[shift + text.size()]);
    memcpy(block.get() + shift, text.data(), text.size());
    std::vector<float> values{1.0f, 2.0f};
    std::string bytes;
    const bool taken = base64::floats(std::string_view(block.get() + shift, text.size()), most, &values);
    require(taken == defined(text, most, &bytes), taken ? "taken" : "refused", text);
    require(values.size() >= 2 && values[0] == 1.0f && values[1] == 2.0f, "other numbers before", text);
    if (!taken) return;
    require(values.size() == 2 + bytes.size() / 4, "another length", text);
    require(bytes.empty() || memcmp(values.data() + 2, bytes.data(), bytes.size()) == 0, "other bytes", text);
}

/* Blocks are read up to the first character that is no digit, or to the last whole block, and nothing else is written.
 */
static void check_blocks(const std::string &text) {
    const std::unique_ptr<unsigned char[]> out(new unsigned char[text.size() / 4 * 3 + 1]);
    const size_t done = base64::read_blocks(text.data(), text.size(), out.get());
    std::string bytes;
    require(done <= text.size() && done % 4 == 0, "too much at once", text);
    require(text.find_first_not_of(ALPHABET) >= done, "more than digits", text);
    require(base64::instructions == 0 || done + 64 > std::min(text.size(), text.find_first_not_of(ALPHABET)),
            "too little at once", text);
    const std::unique_ptr<unsigned char[]> exact(new unsigned char[done / 4 * 3]);
    require(base64::read_blocks(text.data(), done, exact.get()) == done, "another end", text);
    require(base64::read_anywhere(text.data(), done, out.get()), "no digits", text);
    require(done == 0 || memcmp(exact.get(), out.get(), done / 4 * 3) == 0, "other bytes in blocks", text);
}

static void check_level() {
    for (size_t size = 0; size <= 600; size++) {
        const std::string digits = random_digits(size);
        check_blocks(digits);
        for (int padding = 0; padding <= 4; padding++) check(digits + std::string((size_t)padding, '='), size % 64);
    }
    for (size_t shift = 0; shift <= 128; shift++) check(random_digits(512), shift);
    /* Three blocks of the largest kind, and further digits that are no block of any. */
    const std::string long_text = random_digits(3 * 64 + 20);
    std::string bytes;
    require(defined(long_text + "AA==", MOST, &bytes), "a text that is refused anyway", long_text);
    for (size_t place = 0; place < long_text.size(); place++)
        for (int byte = 0; byte < 256; byte++) {
            std::string damaged = long_text + "AA==";
            damaged[place] = (char)(unsigned char)byte;
            check(damaged, place % 7);
            if (byte % 16 == 0) check_blocks(damaged.substr(0, long_text.size()));
        }
    for (const ptrdiff_t most : {0, 1, 15, 16, 17}) check(random_digits(16 * 16 / 3) + "A==", 0, most);
    for (const char byte : ALPHABET) check(std::string(64 * 3 * 4, byte), 1);
}

int main(int count, char **arguments) {
    const int best = base64::best_instructions();
    if (count > 1 && best != atoi(arguments[1])) {
        fprintf(stderr, "level %d is the best here\n", best);
        return 1;
    }
    for (base64::instructions = 0; base64::instructions <= best; base64::instructions++) check_level();
    printf("levels 0 to %d agree\n", best);
    return 0;
}
