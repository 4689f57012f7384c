/* Scans the documents of a batch, on a thread of its own if there is something else to do meanwhile.
 *
 * The thread touches the documents' bytes and this object alone, never an object of Python, so it needs no GIL.
 */
#ifndef ORCHESTRATOR_KERNELS_SCAN_BATCH_H
#define ORCHESTRATOR_KERNELS_SCAN_BATCH_H

#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "scanner.h"

namespace scan {

struct Document {
    const char *data;
    ptrdiff_t size;
    Survey found;
    Verdict verdict;
    size_t rest_start, rest_size;
};

/* Fewer bytes are scanned sooner than a thread starts. */
constexpr ptrdiff_t MIN_AHEAD_BYTES = 128 << 10;

class Batch {
  public:
    std::vector<Document> documents;
    std::unique_ptr<Scanner> scanner;

    /* The bytes of every document must stay where they are until this object is gone. */
    Batch(Scanner *owned, ptrdiff_t max_bytes) : scanner(owned), max_bytes_(max_bytes) {}
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;
    ~Batch() {
        if (thread_.joinable()) thread_.join();
    }

    void add(const char *data, ptrdiff_t size) {
        documents.push_back(Document{data, size, Survey{true, false}, SLOW, 0, 0});
        bytes_ += size;
    }

    /* Begin, if that is worth a thread and there is one to be had. */
    void start() {
        if (bytes_ < MIN_AHEAD_BYTES) return;
        try {
            thread_ = std::thread([this] {
                try {
                    scan();
                } catch (...) {
                    failure_ = std::current_exception();
                }
            });
        } catch (const std::system_error &) { /* no thread left: finish() does it all */
        }
    }

    /* Wait for what was begun, or do all of it now. */
    void finish() {
        if (!thread_.joinable()) return scan();
        thread_.join();
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    const ptrdiff_t max_bytes_;
    ptrdiff_t bytes_ = 0;
    std::thread thread_;
    std::exception_ptr failure_;

    void scan() {
        for (size_t index = 0; index < documents.size(); ++index) {
            Document &document = documents[index];
            if (document.size > max_bytes_) continue;
            document.rest_start = scanner->rest.size();
            scanner->document_number = static_cast<int64_t>(index);
            document.verdict = scanner->run(document.data, document.size, &document.found);
            document.rest_size = scanner->rest.size() - document.rest_start;
        }
    }
};

}  // namespace scan

#endif
