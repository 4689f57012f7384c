/* Takes a JSON array of texts out of a document as hashes under the brand's key: the mentions of one cluster.
 *
 * Accepts a strict subset of what is valid, like the rest of the scanner: a text longer than a mention may be, too many
 * of them, or anything odd in them, and the ordinary decoder says what the document is. Equal texts are one row's hash
 * once. Of each row the place of its first texts in the document is kept, for those who want to read them.
 */
#ifndef ORCHESTRATOR_KERNELS_MENTIONS_H
#define ORCHESTRATOR_KERNELS_MENTIONS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "hash.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace scan {

/* Bounds of contract.chunk and contract.rows; test_scan checks that they agree. */
constexpr ptrdiff_t MAX_TEXT_CHARS = 65536;
constexpr size_t MAX_MENTIONS = 100000;
constexpr size_t FIRST_TEXTS = 3;

static inline bool is_blank(char byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }

/* A string of a document, without its quotes. */
struct Text {
    const char *start, *stop;
    bool escaped; /* has a backslash */
};

/* The string that begins at *at*, after its quote; false if it does not end or holds a control character. *high* takes
 * note of bytes above 127. */
static inline bool find_text(const char *at, const char *end, Text *text, int *high) {
    text->start = at;
    text->escaped = false;
    for (;;) {
#if defined(__x86_64__) && defined(__GNUC__)
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
        for (; end - at >= 16; at += 16) {
            const __m128i bytes = _mm_loadu_si128((const __m128i *)at);
            const __m128i stop =
                _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                             _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
            const unsigned places = (unsigned)_mm_movemask_epi8(stop), above = (unsigned)_mm_movemask_epi8(bytes);
            if (places == 0) {
                *high |= (int)above;
                continue;
            }
            *high |= (int)(above & (places - 1) & ~places); /* those before the first of them */
            at += __builtin_ctz(places);
            break;
        }
#endif
        for (; at < end && *at != '"' && *at != '\\' && (unsigned char)*at > 0x1f; at++) *high |= *at & 0x80;
        if (at == end || (unsigned char)*at <= 0x1f) return false;
        if (*at == '"') {
            text->stop = at;
            return true;
        }
        text->escaped = true;
        if (end - at < 2) return false;
        *high |= at[1] & 0x80;
        at += 2;
    }
}

/* Four hexadecimal digits; -1 if they are none. */
static inline int32_t four_digits(const char *at, const char *end) {
    if (end - at < 4) return -1;
    int32_t value = 0;
    for (int place = 0; place < 4; place++) {
        const char byte = at[place], lower = (char)(byte | 0x20);
        if (byte >= '0' && byte <= '9')
            value = value << 4 | (byte - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static inline void append_utf8(uint32_t character, std::string *out) {
    if (character < 0x80) {
        out->push_back((char)character);
        return;
    }
    if (character < 0x800) {
        out->push_back((char)(0xC0 | character >> 6));
    } else {
        if (character < 0x10000) {
            out->push_back((char)(0xE0 | character >> 12));
        } else {
            out->push_back((char)(0xF0 | character >> 18));
            out->push_back((char)(0x80 | (character >> 12 & 0x3F)));
        }
        out->push_back((char)(0x80 | (character >> 6 & 0x3F)));
    }
    out->push_back((char)(0x80 | (character & 0x3F)));
}

/* What \u0041 or a surrogate pair stands for; *at* is after the u, and moves past the digits. False for half a pair. */
static inline bool escaped_character(const char **at, const char *end, std::string *out) {
    const int32_t first = four_digits(*at, end);
    if (first < 0 || (first >= 0xDC00 && first < 0xE000)) return false;
    *at += 4;
    if (first < 0xD800 || first >= 0xE000) {
        append_utf8((uint32_t)first, out);
        return true;
    }
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return false;
    const int32_t second = four_digits(*at + 2, end);
    if (second < 0xDC00 || second >= 0xE000) return false;
    *at += 6;
    append_utf8(0x10000u + ((uint32_t)(first - 0xD800) << 10 | (uint32_t)(second - 0xDC00)), out);
    return true;
}

/* The text without its escapes; false if one of them is none. */
static inline bool unescape(const Text &text, std::string *out) {
    static const char ESCAPED[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
    out->clear();
    for (const char *at = text.start; at < text.stop;) {
        if (*at != '\\') {
            out->push_back(*at++);
            continue;
        }
        const char kind = at[1]; /* there is one: find_text has passed it */
        at += 2;
        const void *place = kind ? memchr(ESCAPED, kind, sizeof ESCAPED - 1) : nullptr;
        if (place)
            out->push_back(MEANT[(const char *)place - ESCAPED]);
        else if (kind != 'u' || !escaped_character(&at, text.stop, out))
            return false;
    }
    return true;
}

/* The mentions of a batch's clusters, row after row. */
class Mentions {
  public:
    std::vector<uint64_t> hashes;
    std::vector<uint64_t> old_hashes; /* if they are wanted: of each id, the hash of its unkeyed one */
    std::vector<int64_t> offsets{0};
    /* Three a row: document, and where in it the JSON of the first texts starts and stops. */
    std::vector<int64_t> spots;

    /* Slots of a table that were passed while rows were made distinct: the measure of that work. */
    size_t walked = 0;

    size_t rows() const { return offsets.size() - 1; }
    size_t bytes() const {
        return (hashes.capacity() + old_hashes.capacity() + offsets.capacity() + spots.capacity()) * sizeof(uint64_t);
    }

    /* Hash as is wanted for one brand, before the first row. */
    void hash_by(const Hasher &hasher, bool old_too) {
        hasher_ = hasher;
        old_too_ = old_too;
    }

    /* Forget the rows after the first *count*. */
    void keep_rows(size_t count) {
        offsets.resize(count + 1);
        keep_hashes((size_t)offsets[count]);
        spots.resize(3 * count);
    }

    /* Read the array at *at*, after its bracket, as a new row; its end, or nullptr if it is not what is expected, and
     * then nothing is appended. *data* is where document number *document* starts. */
    const char *read(const char *at, const char *end, const char *data, int64_t document, int *high) {
        const size_t first = hashes.size();
        const char *start = at, *stop = at;
        const char *behind = texts(at, end, first, &start, &stop, high);
        if (behind == nullptr) {
            keep_hashes(first);
            return nullptr;
        }
        keep_distinct(first);
        offsets.push_back((int64_t)hashes.size());
        spots.insert(spots.end(), {document, start - data, stop - data});
        return behind;
    }

  private:
    /* Slots an id may have passed on average before its row is sorted instead: a table of random hashes needs one or
     * two. Nobody can aim at a slot without the key; whoever could would win nothing. */
    static constexpr size_t WALK = 8;

    std::vector<uint64_t> table_;
    std::vector<std::pair<uint64_t, size_t>> sorted_;
    std::string plain_;
    Hasher hasher_;
    bool old_too_ = false;

    void keep_hashes(size_t count) {
        hashes.resize(count);
        old_hashes.resize(old_too_ ? count : 0);
    }

    const char *texts(const char *at, const char *end, size_t first, const char **start, const char **stop, int *high) {
        Text text;
        at = after_blanks(at, end);
        if (at < end && *at == ']') return at + 1;
        *start = at;
        for (;;) {
            if (at == end || *at != '"' || hashes.size() - first == MAX_MENTIONS) return nullptr;
            if (!find_text(at + 1, end, &text, high) || !hash(text, end)) return nullptr;
            at = text.stop + 1;
            if (hashes.size() - first <= FIRST_TEXTS) *stop = at;
            if (at < end && is_blank(*at)) at = after_blanks(at, end);
            if (at == end) return nullptr;
            if (*at == ']') return at + 1;
            if (*at != ',') return nullptr;
            at++;
            if (at < end && is_blank(*at)) at = after_blanks(at, end);
        }
    }

    static const char *after_blanks(const char *at, const char *end) {
        while (at < end && is_blank(*at)) at++;
        return at;
    }

    bool hash(const Text &text, const char *end) {
        const ptrdiff_t size = text.stop - text.start;
        if (size > MAX_TEXT_CHARS) return false; /* as bytes: whether it is as characters, too, others may count */
        if (!text.escaped) {
            const bool readable = end - text.start - (size & ~(ptrdiff_t)7) >= 8;
            take(text.start, size, readable ? hasher_.readable_text(text.start, size) : hasher_.text(text.start, size));
            return true;
        }
        if (!unescape(text, &plain_)) return false;
        take(plain_.data(), (ptrdiff_t)plain_.size(), hasher_.text(plain_.data(), (ptrdiff_t)plain_.size()));
        return true;
    }

    void take(const char *data, ptrdiff_t size, uint64_t hash) {
        hashes.push_back(hash);
        if (old_too_) old_hashes.push_back(hasher_.number(unkeyed_hash(data, size)));
    }

    /* Let the hash at *from* stand at *to*. */
    void move(size_t from, size_t to) {
        hashes[to] = hashes[from];
        if (old_too_) old_hashes[to] = old_hashes[from];
    }

    /* Leave the first of equal hashes only, from place *first* on. */
    void keep_distinct(size_t first) {
        const size_t count = hashes.size() - first;
        if (count < 2) return;
        size_t size = 8;
        while (size * 5 < count * 8) size *= 2;
        table_.assign(size, 0);
        size_t out = first, passed = 0;
        for (size_t place = first; place < hashes.size(); place++) {
            const uint64_t key = hashes[place];
            size_t slot = key & (size - 1);
            for (; table_[slot] != 0 && table_[slot] != key; slot = (slot + 1) & (size - 1)) passed++;
            if (table_[slot] == 0) {
                table_[slot] = key;
                move(place, out++);
            }
            if (passed > WALK * count) {
                while (++place < hashes.size()) move(place, out++);
                keep_hashes(out);
                return sort_distinct(first);
            }
        }
        walked += passed;
        keep_hashes(out);
    }

    /* The same without a table. */
    void sort_distinct(size_t first) {
        sorted_.clear();
        for (size_t place = first; place < hashes.size(); place++) sorted_.emplace_back(hashes[place], place);
        std::sort(sorted_.begin(), sorted_.end());
        const auto same = [](const auto &left, const auto &right) { return left.first == right.first; };
        sorted_.erase(std::unique(sorted_.begin(), sorted_.end(), same), sorted_.end());
        for (auto &each : sorted_) std::swap(each.first, each.second); /* now by their places */
        std::sort(sorted_.begin(), sorted_.end());
        for (size_t place = 0; place < sorted_.size(); place++) move(sorted_[place].first, first + place);
        walked += WALK * (hashes.size() - first);
        keep_hashes(first + sorted_.size());
    }
};

}  // namespace scan

#endif
