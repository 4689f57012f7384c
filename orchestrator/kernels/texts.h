/* Which mentions are texts, and which mere ids, by the bytes of their JSON. Defined by rows.is_text. */
#ifndef ORCHESTRATOR_KERNELS_TEXTS_H
#define ORCHESTRATOR_KERNELS_TEXTS_H

#include <string_view>

namespace fold {

/* Whether JSON strings, with commas and blanks between them, may hold a blank or what is not ASCII. An escape may
 * stand for either, so what has one may. */
static inline bool has_texts(const char *at, const char *stop) {
    /* Nearly every list of ids has none of these bytes at all, which a loop without branches sees sixteen at once. */
    bool suspect = false;
    for (const char *byte = at; byte < stop; byte++)
        suspect |= (*byte == ' ') | (*byte == '\\') | ((unsigned char)*byte >= 0x80);
    if (!suspect) return false;
    bool inside = false;
    for (; at < stop; at++) {
        if (*at == '"') inside = !inside;
        if (inside && (*at == ' ' || *at == '\\' || (unsigned char)*at >= 0x80)) return true;
    }
    return false;
}

/* Whether JSON strings stand there as they are: ASCII, no escapes. */
static inline bool is_simple(const char *at, const char *stop) {
    for (; at < stop; at++)
        if (*at == '\\' || (unsigned char)*at >= 0x80) return false;
    return true;
}

/* The next of simple strings; false after the last one. */
static inline bool next_simple(const char **at, const char *stop, std::string_view *text) {
    const char *start = *at, *end;
    while (start < stop && *start != '"') start++;
    if (start == stop) return false;
    for (end = ++start; end < stop && *end != '"';) end++;
    *text = std::string_view(start, (size_t)(end - start));
    *at = end < stop ? end + 1 : stop;
    return true;
}

/* Whether an ASCII string is a text and no id. */
static inline bool has_blank(std::string_view text) { return text.find(' ') != std::string_view::npos; }

}  // namespace fold

#endif
