/* Which mentions are texts, and which mere ids, by the bytes of their JSON. Defined by rows.is_text. */
#ifndef ORCHESTRATOR_KERNELS_TEXTS_H
#define ORCHESTRATOR_KERNELS_TEXTS_H

namespace fold {

/* Whether JSON strings, with commas and blanks between them, may hold a blank or what is not ASCII. An escape may
 * stand for either, so what has one may. */
static inline bool has_texts(const char *at, const char *stop) {
    bool inside = false;
    for (; at < stop; at++) {
        if (*at == '"') inside = !inside;
        if (inside && (*at == ' ' || *at == '\\' || (unsigned char)*at >= 0x80)) return true;
    }
    return false;
}

}  // namespace fold

#endif
