"""The guards of what waits and is looked for: orphan queues, and what is told of them.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_RULE: Final = "orchestrator/contract/neighbours.py"
_STORE: Final = "orchestrator/store/orphans.py"
_WATCH: Final = "orchestrator/service/orphans.py"
_RULE_TESTS: Final = "tests/contract/test_neighbours.py"
_STORE_TESTS: Final = "tests/store/test_orphans.py"
_WATCH_TESTS: Final = "tests/service/test_orphans.py"

LAG_GUARDS: Final = (
    # contract/neighbours: each of the four differences, and which brand is nearest
    *(
        Guard(_RULE, guard, instead, _RULE_TESTS)
        for guard, instead in (
            (" or ord(char) in _VARIATIONS", ""),
            ("    if char.isspace():\n        return False\n", ""),
            ("part if part.isspace() else ", ""),
            ("(len(_differing(name, brand)), brand)", "brand"),
            (
                "return needed or next(([aspect] for aspect in _ASPECTS if aspect(name) == aspect(brand)), _ASPECTS)",
                "return needed",
            ),
            ("        if trimmed != text:", "        if False:"),
        )
    ),
    # store/orphans: bounded looks, untrusted reports, and what is told of them now
    Guard(
        _STORE,
        " and not _is_registered(name, self._registered)",
        "",
        f"{_STORE_TESTS}::test_search_leaves_out_what_is_registered",
    ),
    Guard(
        _STORE,
        " and length}",
        "}",
        f"{_STORE_TESTS}::test_what_was_found_is_told_as_it_is_now",
    ),
    Guard(
        _STORE,
        "not any(isinstance(size, Exception) for size in sizes)",
        "True",
        f"{_STORE_TESTS}::test_search_asks_once_where_it_may_not_weigh",
    ),
    Guard(_STORE, " or self._looked >= MAX_KEYS", "", f"{_STORE_TESTS}::test_search_ends_at_its_bounds_and_says_so"),
    Guard(
        _STORE, " or len(self._chunks) >= MAX_FOUND", "", f"{_STORE_TESTS}::test_search_ends_at_its_bounds_and_says_so"
    ),
    Guard(
        _STORE,
        "named=tuple(found[:MAX_NAMED]),",
        "named=tuple(found),",
        f"{_STORE_TESTS}::test_search_names_the_fullest_and_counts_the_rest",
    ),
    Guard(_STORE, "nx=True, ", "", f"{_STORE_TESTS}::test_one_process_searches_at_a_time"),
    Guard(
        _STORE,
        "return report if len(report.named) <= MAX_NAMED else None",
        "return report",
        f"{_STORE_TESTS}::test_a_report_of_somebody_elses_is_none",
    ),
    Guard(
        _STORE,
        "Meta(ge=0, le=2**53)",
        "Meta()",
        f"{_STORE_TESTS}::test_a_report_of_somebody_elses_is_none",
    ),
    Guard(
        _STORE,
        "Meta(ge=0, le=253_402_300_799_999)",
        "Meta()",
        f"{_STORE_TESTS}::test_a_report_of_somebody_elses_is_none",
    ),
    Guard(
        _STORE,
        "if not document or len(document) > _MAX_REPORT_BYTES:",
        "if not document:",
        f"{_STORE_TESTS}::test_a_report_of_somebody_elses_is_none",
    ),
    Guard(
        _STORE,
        "if not _is_registered(one.name, registered)]",
        "]",
        f"{_STORE_TESTS}::test_what_was_found_is_told_as_it_is_now",
    ),
    # store/letters: marks are untrusted as well
    Guard(
        "orchestrator/store/letters.py",
        "([0-9]{1,14})",
        "([0-9]+)",
        "tests/store/test_letters.py::test_a_mark_of_somebody_elses_is_none",
    ),
    Guard(
        "orchestrator/store/letters.py",
        "([0-9]{1,9})",
        "([0-9]+)",
        "tests/store/test_letters.py::test_a_mark_of_somebody_elses_is_none",
    ),
    # service/orphans: once, by one, of what is true
    Guard(
        _WATCH,
        "if registered is None:",
        "if False:",
        f"{_WATCH_TESTS}::test_watch_does_not_search_before_it_knows_who_is_registered",
    ),
    Guard(
        _WATCH,
        "not 0 <= now - report.at_ms <= INTERVAL_S * 1000",
        "now < report.at_ms",
        f"{_WATCH_TESTS}::test_watch_searches_again_when_that_is_due",
    ),
    Guard(
        _WATCH,
        "not 0 <= now - report.at_ms <= INTERVAL_S * 1000",
        "now - report.at_ms > INTERVAL_S * 1000",
        f"{_WATCH_TESTS}::test_watch_does_not_believe_a_report_of_the_future",
    ),
    Guard(
        _WATCH,
        "if not await self._call(turn.take):",
        "if False:",
        f"{_WATCH_TESTS}::test_watch_waits_for_who_searches_already",
    ),
    Guard(
        _WATCH, "if names - self._told:", "if names:", f"{_WATCH_TESTS}::test_watch_tells_what_comes_once_and_what_goes"
    ),
    Guard(
        _WATCH,
        "if str(error) != self._failure:",
        "if True:",
        f"{_WATCH_TESTS}::test_watch_tells_of_a_refusal_once_and_of_old_figures_not_at_all",
    ),
    Guard(
        _WATCH,
        "                self._found = None\n",
        "",
        f"{_WATCH_TESTS}::test_watch_tells_of_a_refusal_once_and_of_old_figures_not_at_all",
    ),
    # scheduler/letters_only: new letters, nothing that counts, for an hour that was watched
    *(
        Guard("orchestrator/scheduler/letters_only.py", guard, instead, "tests/scheduler/test_letters_only.py")
        for guard, instead in (
            ("found.entries > known.seen.entries", "found.entries != known.seen.entries"),
            ("found.digests != known.seen.digests", "found.digests > known.seen.digests"),
            ('_Watched(found, float("-inf"), now_s)', "_Watched(found, now_s, now_s)"),
            ('_Watched(found, float("-inf"), now_s)', '_Watched(found, float("-inf"), float("-inf"))'),
            ("now_s - watched.since_s >= WINDOW_S > ", "WINDOW_S > "),
            (" > now_s - watched.grown_s", ""),
        )
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "if brand not in self._told_letters_only]",
        "]",
        "tests/scheduler/test_scheduler.py::test_scheduler_tells_of_brands_that_bring_dead_letters_only",
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "            self._metrics.brands_dead_letters_only.set(nan)\n",
        "",
        "tests/scheduler/test_scheduler.py::test_scheduler_tells_of_brands_that_bring_dead_letters_only",
    ),
)
