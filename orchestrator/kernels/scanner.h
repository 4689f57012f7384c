/* Takes centroids and mentions out of a JSON document: one pass that finds each, turns it into a row of float32 numbers
 * or of hashes (mentions.h), and leaves a row number in its place.
 *
 * Accepts a strict subset of what is valid and decides nothing else: whatever is unusual (escaped keys, both forms of
 * a centroid at once, numbers out of bounds, damage) makes the whole document SLOW, and the ordinary decoder says what
 * it is. A document that is broken elsewhere stays broken, because what is put in is a value where a value was.
 *
 * Never reads outside [data, data + size): blocks of eight bytes only where eight bytes are left.
 */
#ifndef ORCHESTRATOR_KERNELS_SCANNER_H
#define ORCHESTRATOR_KERNELS_SCANNER_H

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base64.h"
#include "mentions.h"
#include "numbers.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace scan {

enum Verdict : int { PLAIN = 0, REDUCED = 1, SLOW = 2 };

/* What else a look at every byte tells. */
struct Survey {
    bool ascii;   /* no byte above 127 */
    bool escapes; /* a backslash */
};

/* The next place in [at, end) that may be the beginning of a key "centroid... or "mentions", or *end*; *found* takes
 * note of the bytes up to there. */
static const char *find_key(const char *at, const char *end, Survey *found) {
    int high = 0, escape = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i c = _mm_set1_epi8('c'), d = _mm_set1_epi8('d'), m = _mm_set1_epi8('m'), s = _mm_set1_epi8('s');
    for (; end - at >= 24; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        const __m128i behind = _mm_loadu_si128((const __m128i *)(at + 1));
        const __m128i far = _mm_loadu_si128((const __m128i *)(at + 8));
        high |= _mm_movemask_epi8(bytes);
        escape |= _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash));
        const __m128i either = _mm_or_si128(_mm_and_si128(_mm_cmpeq_epi8(behind, c), _mm_cmpeq_epi8(far, d)),
                                            _mm_and_si128(_mm_cmpeq_epi8(behind, m), _mm_cmpeq_epi8(far, s)));
        const int places = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(bytes, quote), either));
        if (places) {
            end = at + __builtin_ctz((unsigned)places);
            break;
        }
    }
#endif
    for (; at < end; at++) {
        high |= *at & 0x80;
        escape |= *at == '\\';
        if (*at == '"' && end - at > 9 && ((at[1] == 'c' && at[8] == 'd') || (at[1] == 'm' && at[8] == 's'))) break;
    }
    found->ascii &= high == 0;
    found->escapes |= escape != 0;
    return at < end ? at : end;
}

constexpr ptrdiff_t MAX_DIMENSIONS = 16384;

constexpr ptrdiff_t MAX_DEPTH = 128; /* as in contract/depth.py */

/* Whether JSON is nested deeper than *most*. Brackets are counted first, texts included: few documents have so many. */
inline bool deep(const char *at, const char *end, ptrdiff_t most) {
    ptrdiff_t depth = 0;
    for (const char *place = at; place < end; place++) depth += (*place | 0x20) == '{';
    if (depth <= most) return false;
    for (depth = 0; at < end; at++) {
        if (*at == '"') {
            while (++at < end && *at != '"') at += *at == '\\';
        } else if ((*at | 0x20) == '{') {
            if (++depth > most) return true;
        } else if ((*at | 0x20) == '}') {
            depth--;
        }
    }
    return false;
}

constexpr size_t MAX_IDLE_BYTES = (size_t)8 << 20;

/* The batch: rows of all documents, and what is left of each. */
class Scanner {
  public:
    std::vector<float> values;
    std::vector<int64_t> offsets{0};
    std::vector<char> rest;
    Mentions mentions;
    int64_t document_number = 0; /* of the next one, for the spots of its mentions */

    /* Be as new, but for the memory at hand; what one great batch needed is not kept for ever. */
    void reset() {
        if (values.capacity() * sizeof(float) + rest.capacity() + mentions.bytes() > MAX_IDLE_BYTES) {
            values = std::vector<float>();
            rest = std::vector<char>();
            mentions = Mentions();
        }
        rest.clear();
        keep_rows(0, 0);
        mentions.walked = 0;
    }

    /* Append to *rest* the document without its centroids and mentions. SLOW and PLAIN append nothing anywhere. */
    Verdict run(const char *data, ptrdiff_t size, Survey *found) {
        const size_t rows_before = offsets.size() - 1, mentions_before = mentions.rows(), rest_before = rest.size();
        at_ = copied_ = data_ = data;
        end_ = data + size;
        has_array_ = has_packed_ = false;
        *found = Survey{true, false};
        const bool usual =
            document(found) && !(has_array_ && has_packed_) && !(found->escapes && (escapes_letters(data, end_)));
        if (usual && copied_ == data && !deep(data, end_, MAX_DEPTH)) return PLAIN;
        if (usual && copied_ != data) {
            copy_until(end_);
            /* each row that was taken out was one level more */
            if (!deep(rest.data() + rest_before, rest.data() + rest.size(), MAX_DEPTH - 1)) return REDUCED;
        }
        keep_rows(rows_before, mentions_before);
        rest.resize(rest_before);
        return SLOW;
    }

  private:
    const char *data_, *at_, *end_, *copied_;
    bool has_array_, has_packed_;
    /* Room for one row. On the heap, because a thread's stack may be small; no vectors, because these would be
     * zeroed each time before they are filled. */
    struct Scratch {
        float row[MAX_DIMENSIONS];
        const char *stops[MAX_DIMENSIONS];
        int32_t doubtful[MAX_DIMENSIONS + 1];
    };
    std::unique_ptr<Scratch> scratch_;

    /* Forget the rows after the first ones. */
    void keep_rows(size_t centroids, size_t lists) {
        offsets.resize(centroids + 1);
        values.resize((size_t)offsets[centroids]);
        mentions.keep_rows(lists);
    }

    void copy_until(const char *stop) {
        rest.insert(rest.end(), copied_, stop);
        copied_ = stop;
    }

    void put(std::string_view text, const char *resume) {
        rest.insert(rest.end(), text.begin(), text.end());
        at_ = copied_ = resume;
    }

    void skip_blanks() {
        while (at_ < end_ && is_blank(*at_)) at_++;
    }

    /* A letter written as \\u0063: a key may be written like that, which would escape the search for it. Nobody who
     * writes JSON escapes letters, so this costs nobody anything. */
    static bool escapes_letters(const char *at, const char *end) {
        const std::string_view text(at, (size_t)(end - at));
        return text.find("\\u006") != text.npos || text.find("\\u007") != text.npos;
    }

    /* Replace centroids and mentions, whatever they are part of: a key of that name outside of a cluster is an unknown
     * one, and what unknown keys hold is ignored. The bytes searched for cannot be inside a string, because the second
     * quote would end it, and a string with a colon after it is a key. */
    bool document(Survey *found) {
        while ((at_ = find_key(at_, end_, found)) < end_) {
            const char *quote = at_++;
            const std::string_view text(quote, (size_t)(end_ - quote));
            if (text.substr(0, 10) == "\"mentions\"") {
                at_ = quote + 10;
                skip_blanks();
                if (at_ < end_ && *at_ == ':' && !mention_row(quote, found)) return false;
                continue;
            }
            const bool packed = text.substr(0, 13) == "\"centroidF32\"";
            if (!packed && text.substr(0, 10) != "\"centroid\"") continue;
            at_ = quote + (packed ? 13 : 10);
            skip_blanks();
            if (at_ < end_ && *at_ == ':' && !centroid(quote, packed)) return false;
        }
        return true;
    }

    /* Replace key and value at *quote* by a row; *at_* is at the colon. */
    bool centroid(const char *quote, bool packed) {
        (packed ? has_packed_ : has_array_) = true;
        at_++;
        skip_blanks();
        if (at_ == end_) return false;
        if (*at_ == 'n') return !packed; /* null counts as it stands, or it is damage that the decoder will find */
        const size_t before = values.size();
        copy_until(quote);
        if (!(packed ? base64_row() : row())) return false;
        if (values.size() == before) {
            put("\"centroid\":null", at_);
            return true;
        }
        put_row("\"centroid\":", offsets.size() - 1);
        offsets.push_back((int64_t)values.size());
        return true;
    }

    /* The same for an array of texts. */
    bool mention_row(const char *quote, Survey *found) {
        at_++;
        skip_blanks();
        if (at_ == end_ || *at_ != '[') return false;
        int high = 0;
        const char *behind = mentions.read(at_ + 1, end_, data_, document_number, &high);
        if (behind == nullptr) return false;
        found->ascii &= high == 0;
        copy_until(quote);
        at_ = behind;
        put_row("\"mentions\":", mentions.rows() - 1);
        return true;
    }

    void put_row(const char (&key)[12], size_t number) {
        char text[33];
        memcpy(text, key, 11);
        char *last = std::to_chars(text + 11, text + sizeof text - 1, number).ptr;
        *last++ = ' '; /* or digits after the bracket, as in [1,2]7, would make it the number of another row */
        put(std::string_view(text, (size_t)(last - text)), at_);
    }

    bool row() {
        if (*at_++ != '[') return false;
        skip_blanks();
        if (at_ < end_ && *at_ == ']') return ++at_, true;
        if (!scratch_) scratch_.reset(new Scratch);
        Scratch &scratch = *scratch_;
        const char *first = at_;
        const ptrdiff_t count = find_stops(scratch.stops);
        /* The conversion reads before a number's end; a document that short has no clusters anyway. */
        if (count == 0 || scratch.stops[0] - data_ < COMMON_BEFORE) return false;
        const ptrdiff_t doubts = convert(first, scratch.stops, count, scratch.row, scratch.doubtful);
        for (ptrdiff_t doubt = 0; doubt < doubts; doubt++) {
            const ptrdiff_t place = scratch.doubtful[doubt];
            if (!unusual(place ? scratch.stops[place - 1] + 1 : first, scratch.stops[place], &scratch.row[place]))
                return false;
        }
        values.insert(values.end(), scratch.row, scratch.row + count);
        return true;
    }

    /* Where the numbers from *at_* on end, up to the bracket after the last; 0 if that is nowhere in sight. */
    ptrdiff_t find_stops(const char **stops) {
        ptrdiff_t count = 0;
        for (; end_ - at_ >= 64; at_ += 64)
            for (uint64_t found = separators(at_); found; found &= found - 1) {
                const char *stop = at_ + __builtin_ctzll(found);
                if (count == MAX_DIMENSIONS) return 0;
                stops[count++] = stop;
                if (*stop == ']') return at_ = stop + 1, count;
            }
        for (; at_ < end_; at_++) {
            if (*at_ != ',' && *at_ != ']') continue;
            if (count == MAX_DIMENSIONS) return 0;
            stops[count++] = at_;
            if (*at_ == ']') return at_++, count;
        }
        return 0;
    }

    /* A number in any notation, between blanks. */
    static bool unusual(const char *at, const char *stop, float *out) {
        while (at < stop && is_blank(*at)) at++;
        at = number(at, stop, out);
        if (at == nullptr) return false;
        while (at < stop && is_blank(*at)) at++;
        return at == stop;
    }

    bool base64_row() {
        if (*at_++ != '"') return false;
        const void *quote = memchr(at_, '"', (size_t)(end_ - at_));
        if (quote == nullptr) return false;
        std::string_view text(at_, (size_t)((const char *)quote - at_)); /* an escape is no digit and refused below */
        at_ = (const char *)quote + 1;
        return base64::floats(text, MAX_DIMENSIONS, &values);
    }
};

}  // namespace scan

#endif
