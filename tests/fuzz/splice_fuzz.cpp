/* One input of the coverage-guided fuzzer: a document, taken apart in several ways that must not matter, and compared
 * with what the definition says. Whatever is wrong ends the process.
 *
 * Compiled with -DREPLAY it is a program that goes through the files that it is given, for compilers without libFuzzer.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "_splice_scan.h"

static void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* What a document left in the batch; offsets count from its first value. */
struct Outcome {
    splice::Verdict verdict;
    splice::Survey found;
    std::string rest;
    std::vector<float> values;
    std::vector<int64_t> ends;
};

/* Take *document* apart from a block of memory that ends with it, and begins *shift* bytes before it. */
static Outcome take_apart(splice::Splicer *splicer, std::string_view document, size_t shift) {
    const size_t rest = splicer->rest.size(), values = splicer->values.size(), offsets = splicer->offsets.size();
    const std::unique_ptr<char[]> block(new char[shift + document.size()]);
    if (!document.empty()) memcpy(block.get() + shift, document.data(), document.size());
    Outcome outcome{};
    outcome.verdict = splicer->run(block.get() + shift, (ptrdiff_t)document.size(), &outcome.found);
    require(splicer->rest.size() >= rest && splicer->values.size() >= values && splicer->offsets.size() >= offsets,
            "less in the batch than before");
    outcome.rest.assign(splicer->rest.begin() + (ptrdiff_t)rest, splicer->rest.end());
    outcome.values.assign(splicer->values.begin() + (ptrdiff_t)values, splicer->values.end());
    for (size_t row = offsets; row < splicer->offsets.size(); row++)
        outcome.ends.push_back(splicer->offsets[row] - (int64_t)values);
    return outcome;
}

static bool same_rows(const Outcome &left, const Outcome &right) {
    return left.ends == right.ends && left.values.size() == right.values.size() &&
           (left.values.empty() ||
            memcmp(left.values.data(), right.values.data(), left.values.size() * sizeof(float)) == 0);
}

static bool same(const Outcome &left, const Outcome &right) {
    return left.verdict == right.verdict && left.found.ascii == right.found.ascii && same_rows(left, right);
}

/* Numbers of rows differ from batch to batch. */
static std::string without_digits(const std::string &text) {
    std::string kept;
    for (const char byte : text)
        if (byte < '0' || byte > '9') kept += byte;
    return kept;
}

static void check(std::string_view document, const Outcome &outcome) {
    const bool spliced = outcome.verdict == splice::SPLICED;
    require(spliced || (outcome.rest.empty() && outcome.values.empty() && outcome.ends.empty()),
            "a document that was not spliced left something behind");
    const std::string_view decoded = spliced ? std::string_view(outcome.rest) : document;
    bool ascii = true;
    for (const char byte : decoded) ascii &= (byte & 0x80) == 0;
    require(outcome.verdict == splice::SLOW || ascii || !outcome.found.ascii, "nobody would check its UTF-8");
    if (!spliced) return;
    size_t keys = 0;
    for (const char byte : document) keys += byte == '"';
    require(outcome.rest.size() <= document.size() + keys / 2 * 32, "longer than with all that is put in");
    require(outcome.values.size() <= document.size() / 2, "more numbers than there is room for");
    int64_t last = 0;
    for (const int64_t end : outcome.ends) {
        require(end >= last, "a row ends before it begins");
        last = end;
    }
    require(last == (int64_t)outcome.values.size(), "values behind the last row");
}

/* What the arrays of a document hold, as the definition has it: one JSON number after another, by strtod. */
class Reference {
  public:
    explicit Reference(std::string_view document) : text_(document), at_(text_.c_str()) {
        const char *key;
        while ((key = find("\"centroid\"")) != nullptr) {
            at_ = key + strlen("\"centroid\"");
            if (!next(':') || next('n')) continue;
            require(next('['), "spliced what is no array");
            if (next(']')) continue;
            do rows_.values.push_back(number());
            while (next(','));
            require(next(']'), "spliced an array without an end");
            rows_.ends.push_back((int64_t)rows_.values.size());
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

    void skip_blanks() { while (*at_ && strchr(" \n\t\r", *at_)) at_++; }

    bool next(char byte) {
        skip_blanks();
        if (*at_ != byte) return false;
        at_++;
        return true;
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
        if (*at_ == '0') at_++;
        else require(digits(), "spliced what is no number");
        if (*at_ == '.') require((at_++, digits()), "spliced a point without digits");
        if (*at_ == 'e' || *at_ == 'E') {
            at_++;
            at_ += *at_ == '+' || *at_ == '-';
            require(digits(), "spliced an exponent without digits");
        }
        const double value = strtod(std::string(first, at_).c_str(), nullptr);
        require(value >= -1e9 && value <= 1e9, "spliced a number out of bounds");
        return (float)value;
    }
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const std::string_view BEFORE =
        R"({"chunkId":"c","brand":"b","sentiment":{"score":1},"clusters":[{"centroid":[0.5,-0.25]}]})";
    const std::string_view document((const char *)data, size);
    const size_t shift = 1 + size % 15;
    static splice::Splicer splicer; /* one for all documents, as in the service: what stays behind would be noticed */
    splicer.reset();
    const Outcome alone = take_apart(&splicer, document, 0);
    check(document, alone);
    if (alone.verdict == splice::SPLICED && document.find("\"centroidF32\"") == document.npos)
        require(same_rows(Reference(document).rows(), alone), "other numbers than strtod's");

    splicer.reset();
    const Outcome again = take_apart(&splicer, document, shift);
    require(same(again, alone) && again.rest == alone.rest, "another answer at another address");

    splicer.reset();
    const Outcome before = take_apart(&splicer, BEFORE, 0);
    require(before.verdict == splice::SPLICED && before.values == std::vector<float>{0.5f, -0.25f}, "the first document");
    const Outcome behind = take_apart(&splicer, document, shift);
    require(same(behind, alone) && without_digits(behind.rest) == without_digits(alone.rest),
            "another answer behind another document");
    splicer.rest.resize(before.rest.size());
    require(std::string(splicer.rest.begin(), splicer.rest.end()) == before.rest && splicer.offsets[1] == 2 &&
                splicer.values[0] == 0.5f && splicer.values[1] == -0.25f,
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
