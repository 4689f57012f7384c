/* The words of plain text: what brand/normal_form.py finds in texts of ASCII alone, many times as fast.
 *
 * Plain is a text without what is rare and hard to tell: entities, addresses other than https://..., a word like
 * "Report:" that may stand before a title, emoticons, control characters. Of any other text nothing is said, and the
 * rule itself is asked. It is the definition; a test compares the two on arbitrary text.
 */
#ifndef ORCHESTRATOR_KERNELS_TOKENS_H
#define ORCHESTRATOR_KERNELS_TOKENS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tokens {

using std::string_view;

constexpr size_t MAX_CHARS = 256, MAX_TOKENS = 96, MAX_WORDS = 24; /* of normal_form; a test compares them */

static inline bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool is_alnum(char c) { return is_letter(c) || is_digit(c); }
static inline bool is_word(char c) { return is_alnum(c) || c == '_'; }
static inline bool is_unit(char c) { return c == '%' || c == '$'; }

static inline bool ends_with(string_view text, string_view end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/* A few short words, to ask whether one is among them. */
class WordSet {
  public:
    WordSet() : slots_(SLOTS) {}

    /* False if the word is too long, or the set is full. */
    bool add(string_view word) {
        if (word.empty() || word.size() > LONGEST || count_ == SLOTS / 2) return false;
        size_t slot = place(word);
        for (; !slots_[slot].empty(); slot = (slot + 1) % SLOTS)
            if (slots_[slot] == word) return true;
        slots_[slot] = std::string(word);
        count_++;
        return true;
    }

    bool has(string_view word) const {
        if (word.size() > LONGEST) return false;
        for (size_t slot = place(word); !slots_[slot].empty(); slot = (slot + 1) % SLOTS)
            if (slots_[slot] == word) return true;
        return false;
    }

  private:
    static constexpr size_t SLOTS = 1024, LONGEST = 15; /* of so many a std::string needs no memory of its own */

    std::vector<std::string> slots_;
    size_t count_ = 0;

    static size_t place(string_view word) {
        uint32_t value = (uint32_t)word.size();
        for (const char c : word) value = (value ^ (uint8_t)c) * 0x01000193u;
        return (value ^ value >> 15) % SLOTS;
    }
};

/* Reads one text after the other; what it tells of a text holds until the next. */
class Reader {
  public:
    WordSet stops, no_plurals,
        frames; /* no words; what is no plural; what may stand before a title and is none of it */

    std::vector<string_view> tokens; /* in their order */
    std::vector<string_view> stems;  /* of those that are words, in their order */
    std::vector<string_view> words;  /* the different stems, sorted, at most MAX_WORDS */

    /* Whether the text is plain; then *tokens* and *stems* are its own. */
    bool read(const char *text, size_t size) {
        tokens.clear();
        stems.clear();
        made_.clear();
        made_.reserve(2 *
                      MAX_CHARS); /* never more: no token is longer than what it is made of, no stem than its token */
        if (size > MAX_CHARS || !take(text, size) || !without_addresses() || may_be_framed()) return false;
        size_ = without_count();
        memset(text_ + size_, ' ', PADDING);
        for (size_t at = 0; at < size_;) {
            if (!token_at(&at)) return false;
            if (tokens.size() >= MAX_TOKENS) return false;
        }
        find_stems();
        return true;
    }

    /* Find *words*. */
    void find_words() {
        words.clear();
        for (const string_view stem : stems) {
            if (std::find(words.begin(), words.end(), stem) != words.end()) continue;
            words.push_back(stem);
            if (words.size() == MAX_WORDS) break;
        }
        std::sort(words.begin(), words.end());
    }

    /* The same for all spellings of a topic: the stems without repeats, what has neither letter nor digit last. */
    std::string key() const {
        std::string key, symbols;
        string_view before;
        for (const string_view stem : stems) {
            if (stem == before) continue;
            before = stem;
            (std::any_of(stem.begin(), stem.end(), is_alnum) ? key : symbols) += stem;
        }
        return key + symbols;
    }

  private:
    static constexpr size_t PADDING = 4; /* blanks behind the text, so that nobody has to ask where it ends */

    char text_[MAX_CHARS + PADDING + 1]; /* in lower case, after a blank */
    size_t size_ = 0;
    std::string made_;

    /* Take the text over; false for characters that are not plain. */
    bool take(const char *text, size_t size) {
        bool plain = true;
        size_ = size;
        for (size_t at = 0; at < size; at++) {
            const char c = text[at];
            text_[at] = c == '\t' || c == '\n' || c == '\r' ? ' ' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
            plain &= text_[at] >= ' ' && c < 0x7f && c != '&';
        }
        memset(text_ + size, ' ', PADDING);
        return plain;
    }

    bool is_at(size_t at, const char *what) const { return strncmp(text_ + at, what, strlen(what)) == 0; }

    /* Blank the addresses out; false where it is not clear what belongs to one. */
    bool without_addresses() {
        text_[size_ + PADDING] = 0;
        if (!memchr(text_, '/', size_)) return strstr(text_, "www.") == nullptr;
        if (strstr(text_, "www.")) return false;
        for (size_t at = 0; at < size_; at++) {
            if (text_[at] == '/') return false;
            if (text_[at] != 'h') continue;
            const size_t scheme = is_at(at, "http://") ? 7 : is_at(at, "https://") ? 8 : 0;
            if (!scheme || text_[at + scheme] == ' ') continue;
            while (text_[at] != ' ') text_[at++] = ' ';
        }
        return true;
    }

    /* Whether a word like "Report:" may stand before the title, or a number like 3_ before keywords. */
    bool may_be_framed() const {
        size_t at = 0;
        while (at < size_ && text_[at] == ' ') at++;
        if (is_digit(text_[at])) {
            while (is_digit(text_[at])) at++;
            return text_[at] == '_';
        }
        const bool bracket = text_[at] == '[' || text_[at] == '(';
        at += bracket;
        const size_t start = at;
        while (is_letter(text_[at])) at++;
        if (!frames.has(string_view(text_ + start, at - start))) return false;
        while (text_[at] == ' ' && at < size_) at++;
        if (!bracket && !is_alnum(text_[at]) && !strchr("#:|-", text_[at])) return false;
        return bracket || memchr(text_, ':', size_) || memchr(text_, '|', size_) || strstr(text_, " - ");
    }

    /* Where the text ends without a count like (17) behind it; a year is none. */
    size_t without_count() const {
        size_t stop = size_;
        while (stop && text_[stop - 1] == ' ') stop--;
        if (stop < 3 || text_[stop - 1] != ')') return size_;
        size_t start = stop - 1;
        while (start && is_digit(text_[start - 1])) start--;
        const size_t digits = stop - 1 - start;
        if (digits < 1 || digits > 6 || start == 0 || text_[start - 1] != '(') return size_;
        if (digits == 4 && (is_at(start, "19") || is_at(start, "20"))) return size_;
        start--;
        while (start && text_[start - 1] == ' ') start--;
        return start ? start : size_;
    }

    char before(size_t at) const { return at ? text_[at - 1] : ' '; }

    /* Take the token at *at*, if there is one, and go on behind it; false if that is not plain. */
    bool token_at(size_t *at) {
        const char c = text_[*at];
        if (is_letter(c)) {
            if (initials_at(at)) return true;
            word_at(at);
        } else if (is_digit(c) || (c == '$' && is_digit(text_[*at + 1]))) {
            number_at(at, 0);
        } else if ((c == '+' || c == '-') && (before(*at) == ' ' || before(*at) == '(') && amount_at(*at + 1)) {
            ++*at;
            number_at(at, c);
        } else if (is_unit(c)) {
            tokens.emplace_back(text_ + *at, 1);
            ++*at;
        } else if (before(*at) == ' ' && strchr(":;=<>", c)) { /* may be an emoticon */
            return false;
        } else {
            ++*at;
        }
        return true;
    }

    bool amount_at(size_t at) const { return is_digit(text_[at]) || (text_[at] == '$' && is_digit(text_[at + 1])); }

    /* U.S. */
    bool initials_at(size_t *at) {
        const size_t start = *at;
        if (is_alnum(before(start)) || text_[start + 1] != '.' || !is_letter(text_[start + 2]) ||
            text_[start + 3] != '.')
            return false;
        const size_t from = made_.size();
        for (; is_letter(text_[*at]) && text_[*at + 1] == '.'; *at += 2) made_.push_back(text_[*at]);
        tokens.push_back(made_from(from));
        return true;
    }

    string_view made_from(size_t from) const { return string_view(made_).substr(from); }

    /* didn't, v1.2, c#, c++ */
    void word_at(size_t *at) {
        const size_t start = *at;
        size_t stop = start + 1;
        bool letters = true, quoted = false;
        if (text_[stop] == '#' && !is_word(text_[stop + 1])) {
            *at = stop + 1;
            tokens.emplace_back(text_ + start, 2);
            return;
        }
        for (;;) {
            for (; is_alnum(text_[stop]); stop++) letters &= is_letter(text_[stop]);
            const char c = text_[stop], next = text_[stop + 1];
            const bool quote = c == '\'' && is_alnum(next);
            if (!quote && !(c == '$' && is_letter(next)) &&
                !((c == '.' || c == ',' || c == ':') && is_digit(text_[stop - 1]) && is_digit(next)))
                break;
            quoted |= quote;
            letters = false;
            stop++;
        }
        if (text_[stop] == '+') {
            const size_t pluses = text_[stop + 1] == '+' && !is_word(text_[stop + 2]) ? 2 : !is_word(text_[stop + 1]);
            letters &= pluses == 0;
            stop += pluses;
        }
        *at = stop;
        const string_view token(text_ + start, stop - start);
        if (letters)
            tokens.push_back(token);
        else
            take_apart(quoted ? without_quotes(token) : token);
    }

    /* Without the article of l'eau, and other apostrophes. */
    string_view without_quotes(string_view token) {
        const size_t from = made_.size();
        const auto elided = [&](size_t quote) {
            return quote + 2 < token.size() && token[quote] == '\'' && is_word(token[quote + 1]) &&
                   is_word(token[quote + 2]);
        };
        for (size_t at = 0; at < token.size(); at++) {
            if (strchr("cdjlmnst", token[at]) && elided(at + 1))
                at += 1;
            else if (token[at] == 'q' && at + 1 < token.size() && token[at + 1] == 'u' && elided(at + 2))
                at += 2;
            else if (token[at] != '\'')
                made_.push_back(token[at]);
        }
        return made_from(from);
    }

    /* iphone17 is iphone 17, while 5g stays what it is. */
    void take_apart(string_view token) {
        size_t letters = 0, stop;
        while (letters < token.size() && is_letter(token[letters])) letters++;
        for (stop = letters; stop < token.size(); stop++)
            if (!is_digit(token[stop]) && (stop == letters || !strchr(".,:", token[stop]))) break;
        if (letters >= 2 && letters < token.size() && stop == token.size()) {
            tokens.push_back(token.substr(0, letters));
            token.remove_prefix(letters);
        }
        tokens.push_back(token);
    }

    /* -5 %, $5, 50+, 1,200; *at* is behind the sign. */
    void number_at(size_t *at, char sign) {
        size_t stop = *at + (text_[*at] == '$');
        const char unit = text_[*at] == '$' ? '$' : 0;
        const size_t start = stop;
        while (is_digit(text_[stop])) stop++;
        while (strchr(".,:", text_[stop]) && is_digit(text_[stop + 1]))
            for (stop++; is_digit(text_[stop]);) stop++;
        while (is_alnum(text_[stop])) stop++;
        size_t behind = stop;
        if (text_[stop] == '+' && !is_word(text_[stop + 1])) {
            behind = ++stop;
        } else {
            behind += text_[stop] == ' ' && is_unit(text_[stop + 1]);
            behind = is_unit(text_[behind]) && !is_digit(text_[behind + 1]) ? behind + 1 : stop;
        }
        const char last = behind > stop ? text_[behind - 1] : 0;
        add_number(sign, unit ? unit : last == '$' ? last : 0, string_view(text_ + start, stop - start), last == '%');
        *at = behind;
    }

    void add_number(char sign, char unit, string_view value, bool percent) {
        const size_t from = made_.size();
        if (sign) made_.push_back(sign);
        if (unit) made_.push_back(unit);
        const bool thousands = has_thousands(value);
        for (const char c : value)
            if (!thousands || c != ',') made_.push_back(c);
        if (percent) made_.push_back('%');
        tokens.push_back(made_from(from));
    }

    static bool has_thousands(string_view value) {
        const size_t comma = value.find(',');
        if (comma > 3 || (value.size() - comma) % 4) return false; /* also if there is none */
        for (size_t at = 0; at < value.size(); at++) {
            const bool due = at >= comma && (at - comma) % 4 == 0;
            if (due ? value[at] != ',' : !is_digit(value[at])) return false;
        }
        return true;
    }

    void find_stems() {
        for (const string_view token : tokens)
            if (!stops.has(token)) stems.push_back(stem(token));
        if (stems.empty() && tokens.size() == 1 && tokens[0].size() == 1) stems.push_back(tokens[0]);
    }

    /* english.stem */
    string_view stem(string_view word) {
        static const char *const HISSING[] = {"xe", "che", "she", "sse", "zze", "oe", "use"};
        const size_t size = word.size();
        if (size < 4 || (word.back() != 's' && word.back() != 'e') || no_plurals.has(word)) return word;
        if (word.back() == 's') {
            const char last = word[size - 2];
            if (last == 's' || last == 'u' || last == 'i' || !is_letter(last)) return word;
            word.remove_suffix(1);
            if (last != 'e' || size == 4) return word;
        }
        if (ends_with(word, "ie")) {
            const size_t from = made_.size();
            made_.append(word.data(), word.size() - 2).push_back('y');
            return made_from(from);
        }
        for (const char *const hissing : HISSING)
            if (ends_with(word, hissing)) return word.substr(0, word.size() - 1);
        return word;
    }
};

}  // namespace tokens

#endif
