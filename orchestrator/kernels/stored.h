/* What segments hold, in one look over their bytes: where in them each story's fields stand, and which parts of mention
 * ids there are. Nothing is copied: the bytes must stay where they are.
 *
 * Takes the layout that this version writes and nothing else (fold_py.StoredStory): whoever asks leaves the rest to the
 * ordinary decoder, which also says what is wrong with it.
 */
#ifndef ORCHESTRATOR_KERNELS_STORED_H
#define ORCHESTRATOR_KERNELS_STORED_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "hash.h"
#include "msgpack.h"

namespace stored {

/* A run among the texts that were read. */
struct Run {
    size_t first, count;
};

/* A story as a segment holds it; -1 stands for what is not said. */
struct Story {
    int64_t key, heaviest, first_seen_ms, last_seen_ms, flagged_at_ms, ids_total, longest, old_ids, label_mentions,
        told_pane, before_pane;
    double mass;
    std::string_view id, label, panes, total, weights;
    Run examples, words, spellings,
        told;              /* texts; those of the last two have a number each in the same run of counts */
    int64_t segment, size; /* of it alone, as its commit counted it: by that a log is cleaned, after a restart too */
};

/* The newest form of each story in segments that come one after the other. */
class Stories {
  public:
    std::vector<Story> stories; /* as they came, those out of date among them */
    std::vector<std::string_view> texts;
    std::vector<int64_t> counts;

    /* Read a segment, the next after those before; false if it is not plain, and then nothing of it is taken. */
    bool take(const char *data, size_t size, int64_t segment) {
        const size_t before = stories.size(), texts_before = texts.size(), events_before = events_.size();
        if (take_all(data, size, segment)) return true;
        stories.resize(before);
        texts.resize(texts_before);
        counts.resize(texts_before);
        events_.resize(events_before);
        return false;
    }

    /* Which of the stories are the newest of their keys and have not left, by key. */
    std::vector<size_t> newest() const {
        std::vector<Event> events = events_;
        std::stable_sort(events.begin(), events.end(),
                         [](const Event &left, const Event &right) { return left.key < right.key; });
        std::vector<size_t> found;
        for (size_t place = 0; place < events.size(); place++)
            if ((place + 1 == events.size() || events[place + 1].key != events[place].key) &&
                events[place].story != GONE)
                found.push_back(events[place].story);
        return found;
    }

  private:
    static constexpr size_t GONE = (size_t)-1, FIELDS = 21;

    struct Event {
        int64_t key;
        size_t story;
    };
    std::vector<Event> events_;

    bool take_all(const char *data, size_t size, int64_t segment) {
        msgpack::Reader reader(data, size);
        size_t halves, count;
        if (!reader.array(&halves) || halves != 2 || !reader.array(&count)) return false;
        for (size_t each = 0; each < count; each++) {
            Story story;
            const size_t before = reader.left();
            if (!read(&reader, &story)) return false;
            story.segment = segment;
            story.size = (int64_t)(before - reader.left());
            events_.push_back({story.key, stories.size()});
            stories.push_back(story);
        }
        if (!reader.array(&count)) return false;
        for (size_t each = 0; each < count; each++) {
            int64_t key;
            if (!reader.integer(&key)) return false;
            events_.push_back({key, GONE});
        }
        return reader.ended();
    }

    bool read(msgpack::Reader *reader, Story *story) {
        size_t fields;
        return reader->array(&fields) && fields == FIELDS && reader->count(&story->key) && reader->text(&story->id) &&
               reader->text(&story->label) && reader->count(&story->heaviest) && reader->count(&story->first_seen_ms) &&
               reader->count(&story->last_seen_ms) && perhaps(reader, &story->flagged_at_ms) &&
               reader->count(&story->ids_total) && reader->binary(&story->panes) &&
               read_texts(reader, &story->examples, false) && reader->binary(&story->total) &&
               read_texts(reader, &story->words, false) && reader->binary(&story->weights) &&
               reader->count(&story->longest) && story->longest <= INT32_MAX && reader->real(&story->mass) &&
               story->mass >= 0 && perhaps(reader, &story->old_ids) && perhaps(reader, &story->label_mentions) &&
               read_texts(reader, &story->spellings, true) && perhaps(reader, &story->told_pane) &&
               perhaps(reader, &story->before_pane) && read_texts(reader, &story->told, true);
    }

    static bool perhaps(msgpack::Reader *reader, int64_t *value) {
        *value = -1;
        return reader->nil() || reader->count(value);
    }

    /* Texts, or pairs of one and a count. */
    bool read_texts(msgpack::Reader *reader, Run *run, bool counted) {
        run->first = texts.size();
        if (!reader->array(&run->count)) return false;
        for (size_t each = 0; each < run->count; each++) {
            std::string_view text;
            int64_t count = 0;
            size_t pair;
            if (counted && (!reader->array(&pair) || pair != 2)) return false;
            if (!reader->text(&text) || (counted && !reader->count(&count))) return false;
            texts.push_back(text);
            counts.push_back(count);
        }
        return true;
    }
};

/* Parts of stories' mention ids, and where their hashes stand. */
class Parts {
  public:
    /* Take a segment's parts (key, first, stop as 64-bit words) whose hashes stand one after the other; false if they
     * are no parts, or if there are more or fewer hashes. */
    bool take(std::string_view parts, std::string_view hashes) {
        uint64_t at = 0;
        for (size_t place = 0; place < parts.size(); place += WORDS) {
            Part part;
            memcpy(&part, parts.data() + place, WORDS);
            if (part.first < 0 || part.first >= part.stop) return false;
            const uint64_t ids = (uint64_t)(part.stop - part.first);
            if (ids > (hashes.size() - at) / sizeof(uint64_t)) return false;
            part.hashes = hashes.data() + at;
            at += ids * sizeof(uint64_t);
            parts_.push_back(part);
        }
        return at == hashes.size();
    }

    /* Order them, after the last was taken. */
    void sort() { std::sort(parts_.begin(), parts_.end()); }

    /* What went wrong with the ids of a story: there is one behind the last, or one is missing. */
    enum Lack { WHOLE, BEYOND, MISSING };

    /* The hashes of story *key* from number *at* to *total*, one after the other; *number* is that of the id that makes
     * them wrong. */
    Lack gather(int64_t key, int64_t at, int64_t total, std::vector<uint64_t> *out, int64_t *number) const {
        out->clear();
        auto part = std::lower_bound(parts_.begin(), parts_.end(), key,
                                     [](const Part &each, int64_t wanted) { return each.key < wanted; });
        for (; part != parts_.end() && part->key == key; ++part) {
            *number = part->stop;
            if (part->stop > total) return BEYOND;
            if (part->first > at || at >= part->stop) continue;
            const size_t known = out->size(), more = (size_t)(part->stop - at);
            out->resize(known + more);
            memcpy(out->data() + known, part->hashes + (at - part->first) * (int64_t)sizeof(uint64_t),
                   more * sizeof(uint64_t));
            at = part->stop;
        }
        *number = at;
        return at == total ? WHOLE : MISSING;
    }

  private:
    static constexpr size_t WORDS = 3 * sizeof(int64_t);

    struct Part {
        int64_t key, first, stop;
        const char *hashes;

        /* By story, then by the first id; equal ones by their hashes, so that the order of segments does not matter. */
        bool operator<(const Part &other) const {
            if (key != other.key) return key < other.key;
            if (first != other.first) return first < other.first;
            const size_t shorter = (size_t)(std::min(stop, other.stop) - first) * sizeof(uint64_t);
            const int order = memcmp(hashes, other.hashes, shorter);
            return order != 0 ? order < 0 : stop < other.stop;
        }
    };
    std::vector<Part> parts_;
};

/* Which number a word has, by its text, while many are asked for; the texts must stay where they are. */
class Words {
  public:
    /* By hashes under *hasher*, so that no texts can be made to meet. */
    explicit Words(const Hasher &hasher = Hasher()) : hasher_(hasher) {}

    /* Room for so many. */
    void reserve(size_t words) {
        while (entries_.size() < 2 * (words + 1)) grow();
    }

    /* Where the number of *text* stands, -1 for a new one: to be set before the next is asked for. */
    int32_t *at(std::string_view text) {
        if ((count_ + 1) * 2 > entries_.size()) grow();
        Entry *entry = find(text);
        if (entry->text.data() == nullptr) {
            entry->text = text;
            entry->word = -1;
            count_++;
        }
        return &entry->word;
    }

  private:
    struct Entry {
        std::string_view text; /* of no address: free */
        int32_t word;
    };
    std::vector<Entry> entries_;
    size_t count_ = 0;
    Hasher hasher_;

    Entry *find(std::string_view text) {
        size_t place = hasher_.text(text.data(), (ptrdiff_t)text.size()) & (entries_.size() - 1);
        while (entries_[place].text.data() != nullptr && entries_[place].text != text)
            place = (place + 1) & (entries_.size() - 1);
        return &entries_[place];
    }

    void grow() {
        std::vector<Entry> before = std::move(entries_);
        entries_.assign(std::max<size_t>(2 * before.size(), 1024), Entry{std::string_view(), -1});
        for (const Entry &entry : before)
            if (entry.text.data() != nullptr) *find(entry.text) = entry;
    }
};

}  // namespace stored

#endif
