/* One input of the coverage-guided fuzzer: a document, taken apart in several ways that must not matter, and compared
 * with what the definition says. Whatever is wrong ends the process.
 *
 * Compiled with -DREPLAY it is a program that goes through the files that it is given, for compilers without libFuzzer.
 */
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scanner.h"

static void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* What a document left in the batch; ends count from its first value and its first hash, spots are three a row. */
struct Outcome {
    scan::Verdict verdict;
    scan::Survey found;
    std::string rest;
    std::vector<float> values;
    std::vector<int64_t> ends;
    std::vector<uint64_t> hashes;
    std::vector<int64_t> lists, spots;
};

template <typename T>
static std::vector<T> behind(const std::vector<T> &all, size_t first) {
    return std::vector<T>(all.begin() + (ptrdiff_t)first, all.end());
}

/* Take *document* apart from a block of memory that ends with it, and begins *shift* bytes before it. */
static Outcome take_apart(scan::Scanner *scanner, std::string_view document, size_t shift) {
    const scan::Mentions &mentions = scanner->mentions;
    const size_t rest = scanner->rest.size(), values = scanner->values.size(), offsets = scanner->offsets.size();
    const size_t hashes = mentions.hashes.size(), lists = mentions.offsets.size(), spots = mentions.spots.size();
    const std::unique_ptr<char[]> block(new char[shift + document.size()]);
    if (!document.empty()) memcpy(block.get() + shift, document.data(), document.size());
    Outcome outcome{};
    outcome.verdict = scanner->run(block.get() + shift, (ptrdiff_t)document.size(), &outcome.found);
    require(scanner->rest.size() >= rest && scanner->values.size() >= values && scanner->offsets.size() >= offsets &&
                mentions.hashes.size() >= hashes && mentions.offsets.size() >= lists && mentions.spots.size() >= spots,
            "less in the batch than before");
    outcome.rest.assign(scanner->rest.begin() + (ptrdiff_t)rest, scanner->rest.end());
    outcome.values = behind(scanner->values, values);
    outcome.ends = behind(scanner->offsets, offsets);
    for (int64_t &end : outcome.ends) end -= (int64_t)values;
    outcome.hashes = behind(mentions.hashes, hashes);
    outcome.lists = behind(mentions.offsets, lists);
    for (int64_t &end : outcome.lists) end -= (int64_t)hashes;
    outcome.spots = behind(mentions.spots, spots);
    return outcome;
}

static bool same_rows(const Outcome &left, const Outcome &right) {
    return left.ends == right.ends && left.values.size() == right.values.size() &&
           (left.values.empty() ||
            memcmp(left.values.data(), right.values.data(), left.values.size() * sizeof(float)) == 0);
}

static bool same_lists(const Outcome &left, const Outcome &right) {
    return left.lists == right.lists && left.hashes == right.hashes;
}

static bool same(const Outcome &left, const Outcome &right) {
    return left.verdict == right.verdict && left.found.ascii == right.found.ascii && same_rows(left, right) &&
           same_lists(left, right) && left.spots == right.spots;
}

/* Numbers of rows differ from batch to batch. */
static std::string without_digits(const std::string &text) {
    std::string kept;
    for (const char byte : text)
        if (byte < '0' || byte > '9') kept += byte;
    return kept;
}

static void check_ends(const std::vector<int64_t> &ends, size_t size) {
    int64_t last = 0;
    for (const int64_t end : ends) {
        require(end >= last, "a row ends before it begins");
        last = end;
    }
    require(last == (int64_t)size, "something behind the last row");
}

static const int64_t NUMBER = 7; /* of the document */

/* Each list has a place in the document, which begins and ends with a text's quote if there is any. */
static void check_spots(std::string_view document, const Outcome &outcome) {
    require(outcome.spots.size() == 3 * outcome.lists.size(), "not one place for each list");
    int64_t first = 0, before = 0;
    for (size_t list = 0; list < outcome.lists.size(); list++) {
        const int64_t start = outcome.spots[3 * list + 1], stop = outcome.spots[3 * list + 2];
        require(outcome.spots[3 * list] == NUMBER, "texts of another document");
        require(before <= start && start <= stop && stop <= (int64_t)document.size(), "texts outside of the document");
        const bool none = outcome.lists[list] == first;
        require(none == (start == stop), "texts of an empty list, or none of another");
        if (!none)
            require(stop - start >= 2 && document[(size_t)start] == '"' && document[(size_t)stop - 1] == '"',
                    "no texts");
        first = outcome.lists[list];
        before = stop;
    }
}

static void check(std::string_view document, const Outcome &outcome) {
    const bool reduced = outcome.verdict == scan::REDUCED;
    require(reduced || (outcome.rest.empty() && outcome.values.empty() && outcome.ends.empty() &&
                        outcome.hashes.empty() && outcome.lists.empty() && outcome.spots.empty()),
            "a document that was not reduced left something behind");
    const std::string_view decoded = reduced ? std::string_view(outcome.rest) : document;
    bool ascii = true;
    for (const char byte : decoded) ascii &= (byte & 0x80) == 0;
    require(outcome.verdict == scan::SLOW || ascii || !outcome.found.ascii, "nobody would check its UTF-8");
    if (!reduced) return;
    size_t keys = 0;
    for (const char byte : document) keys += byte == '"';
    require(outcome.rest.size() <= document.size() + keys / 2 * 32, "longer than with all that is put in");
    require(outcome.values.size() <= document.size() / 2, "more numbers than there is room for");
    require(outcome.hashes.size() <= document.size() / 3 + 1, "more mentions than there is room for");
    check_ends(outcome.ends, outcome.values.size());
    check_ends(outcome.lists, outcome.hashes.size());
    check_spots(document, outcome);
}

/* What the arrays of a document hold, as the definition has it: one JSON number after another, by strtod; one text
 * after another, letter by letter. */
class Reference {
  public:
    explicit Reference(std::string_view document) : text_(document), at_(text_.c_str()) {
        for (;;) {
            const char *centroid = find("\"centroid\""), *mentions = find("\"mentions\"");
            if (centroid == nullptr && mentions == nullptr) return;
            const bool lists = centroid == nullptr || (mentions != nullptr && mentions < centroid);
            at_ = (lists ? mentions : centroid) + strlen("\"centroid\""); /* both have ten letters */
            if (next(':')) lists ? list() : row();
        }
    }

    const Outcome &rows() const { return rows_; }

  private:
    const std::string text_;
    const char *at_;
    Outcome rows_{};

    /* Documents may hold zeros, which end a string of C. */
    const char *find(std::string_view key) const {
        const size_t place = text_.find(key, (size_t)(at_ - text_.c_str()));
        return place == text_.npos ? nullptr : text_.c_str() + place;
    }

    void skip_blanks() {
        while (*at_ && strchr(" \n\t\r", *at_)) at_++;
    }

    bool next(char byte) {
        skip_blanks();
        if (*at_ != byte) return false;
        at_++;
        return true;
    }

    void row() {
        if (next('n')) return;
        require(next('['), "reduced what is no array");
        if (next(']')) return;
        do rows_.values.push_back(number());
        while (next(','));
        require(next(']'), "reduced an array without an end");
        rows_.ends.push_back((int64_t)rows_.values.size());
    }

    void list() {
        require(next('['), "reduced what is no array");
        std::vector<uint64_t> hashes;
        if (!next(']')) {
            do hashes.push_back(text());
            while (next(','));
            require(next(']'), "reduced an array without an end");
        }
        for (size_t place = 0; place < hashes.size(); place++)
            if (std::find(hashes.begin(), hashes.begin() + (ptrdiff_t)place, hashes[place]) ==
                hashes.begin() + (ptrdiff_t)place)
                rows_.hashes.push_back(hashes[place]);
        rows_.lists.push_back((int64_t)rows_.hashes.size());
    }

    /* The hash of a text, letter by letter. */
    uint64_t text() {
        std::string meant;
        require(next('"'), "reduced what is no text");
        for (; *at_ != '"'; at_++) {
            require((unsigned char)*at_ >= ' ', "reduced a text without an end");
            if (*at_ == '\\')
                escape(&meant);
            else
                meant += *at_;
        }
        at_++;
        return Hasher().text(meant.data(), (ptrdiff_t)meant.size());
    }

    void escape(std::string *meant) {
        static const char KINDS[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
        at_++;
        if (*at_ == 'u') return code(meant);
        for (const char *kind = KINDS; *kind; kind += 2)
            if (*kind == *at_) {
                *meant += kind[1];
                return;
            }
        require(false, "reduced an escape that is none");
    }

    void code(std::string *meant) {
        unsigned letter = digits16();
        require(letter < 0xDC00 || letter > 0xDFFF, "reduced half a pair");
        if (letter >= 0xD800 && letter <= 0xDBFF) {
            require(at_[1] == '\\' && at_[2] == 'u', "reduced half a pair");
            at_ += 2;
            const unsigned low = digits16();
            require(low >= 0xDC00 && low <= 0xDFFF, "reduced half a pair");
            letter = 0x10000 + ((letter & 0x3FF) << 10) + (low & 0x3FF);
        }
        int more = letter < 0x80 ? 0 : letter < 0x800 ? 1 : letter < 0x10000 ? 2 : 3;
        static const unsigned FIRST[] = {0, 0xC0, 0xE0, 0xF0};
        *meant += (char)(FIRST[more] | letter >> 6 * more);
        while (more-- > 0) *meant += (char)(0x80 | (letter >> 6 * more & 0x3F));
    }

    /* Four of them behind *at_*, which moves to the last. */
    unsigned digits16() {
        unsigned value = 0;
        for (int digit = 0; digit < 4; digit++) {
            require(isxdigit((unsigned char)*++at_), "reduced an escape that is none");
            value = value * 16 + (unsigned)strtoul(std::string(1, *at_).c_str(), nullptr, 16);
        }
        return value;
    }

    bool digits() {
        const char *first = at_;
        while (*at_ >= '0' && *at_ <= '9') at_++;
        return at_ > first;
    }

    float number() {
        skip_blanks();
        const char *first = at_;
        at_ += *at_ == '-';
        if (*at_ == '0')
            at_++;
        else
            require(digits(), "reduced what is no number");
        if (*at_ == '.') require((at_++, digits()), "reduced a point without digits");
        if (*at_ == 'e' || *at_ == 'E') {
            at_++;
            at_ += *at_ == '+' || *at_ == '-';
            require(digits(), "reduced an exponent without digits");
        }
        const double value = strtod(std::string(first, at_).c_str(), nullptr);
        require(value >= -1e9 && value <= 1e9, "reduced a number out of bounds");
        return (float)value;
    }
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const std::string_view BEFORE =
        R"({"chunkId":"c","brand":"b","sentiment":{"score":1},"clusters":[{"centroid":[0.5,-0.25],"mentions":["m"]}]})";
    const std::string_view document((const char *)data, size);
    const size_t shift = 1 + size % 15;
    static scan::Scanner scanner; /* one for all documents, as in the service: what stays behind would be noticed */
    scanner.reset();
    scanner.document_number = NUMBER;
    const Outcome alone = take_apart(&scanner, document, 0);
    check(document, alone);
    if (alone.verdict == scan::REDUCED && document.find("\"centroidF32\"") == document.npos) {
        const Reference reference(document);
        require(same_rows(reference.rows(), alone), "other numbers than strtod's");
        require(same_lists(reference.rows(), alone), "other mentions than letter by letter");
    }

    scanner.reset();
    const Outcome again = take_apart(&scanner, document, shift);
    require(same(again, alone) && again.rest == alone.rest, "another answer at another address");

    scanner.reset();
    const Outcome before = take_apart(&scanner, BEFORE, 0);
    require(before.verdict == scan::REDUCED && before.values == std::vector<float>{0.5f, -0.25f} &&
                before.hashes == std::vector<uint64_t>{Hasher().text("m", 1)},
            "the first document");
    const Outcome behind = take_apart(&scanner, document, shift);
    require(same(behind, alone) && without_digits(behind.rest) == without_digits(alone.rest),
            "another answer behind another document");
    scanner.rest.resize(before.rest.size());
    require(std::string(scanner.rest.begin(), scanner.rest.end()) == before.rest && scanner.offsets[1] == 2 &&
                scanner.values[0] == 0.5f && scanner.values[1] == -0.25f && scanner.mentions.offsets[1] == 1 &&
                scanner.mentions.hashes[0] == before.hashes[0] &&
                std::equal(before.spots.begin(), before.spots.end(), scanner.mentions.spots.begin()),
            "the first document is not what it was");
    return 0;
}

#if defined(REPLAY)
int main(int count, char **names) {
    for (int each = 1; each < count; each++) {
        FILE *file = fopen(names[each], "rb");
        require(file != nullptr, names[each]);
        std::string document;
        for (int byte; (byte = fgetc(file)) != EOF;) document += (char)byte;
        fclose(file);
        LLVMFuzzerTestOneInput((const uint8_t *)document.data(), document.size());
    }
    printf("%d documents\n", count - 1);
}
#endif
