"""The guards around large segments, which go past the script of their commit.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_STORE = "tests/store/test_segments.py::test_"
_CONTRACT = "tests/contract/test_segments.py::test_"
_SALVAGED = "test_repair_goes_on_without_stories_where_segments_are_lost"
_FULL = "tests/faults/test_schedules.py::test_large_segments_go_through_the_script_where_redis_is_full"

SEGMENT_GUARDS: Final = (
    *(
        Guard("orchestrator/store/lua/commit.lua", right, wrong, _STORE + test)
        for right, wrong, test in (
            (
                "found ~= tonumber(ARGV[at + 1])",
                "found == 0",
                "a_commit_whose_segments_are_lost_is_refused_and_then_goes_through_the_script",
            ),
            ("if field == ARGV[at] then", "if name then", "a_damaged_reference_takes_no_other_segment_with_it"),
            (
                "apart < referred then",
                "apart < referred - count[SEGMENTS] / 2 then",
                "a_commit_on_top_of_lost_segments_is_stale",
            ),
            ("'segments', referred)", "'segments', apart)", "what_a_commit_replaces_goes_with_it"),
        )
    ),
    *(
        Guard("orchestrator/store/lua/acquire.lua", right, wrong, _STORE + test)
        for right, wrong, test in (
            ("value:byte() == 193 and ", "", "acquire_sweeps_what_nobody_refers_to"),
            ("value:find(name, 2, true) == 2", "value:find(name, 2, true)", "acquire_sweeps_what_nobody_refers_to"),
            (", 'segments', referred }", " }", "a_count_that_is_lost_is_counted_again"),
            (
                "if noted and referred ~= noted then",
                "if noted and referred < noted - 1 then",
                "acquire_refuses_a_state_that_refers_to_what_is_gone",
            ),
            (
                "referred = referred - #strays",
                "referred = noted or 0",
                "acquire_sweeps_nothing_where_a_reference_is_damaged",
            ),
        )
    ),
    *(
        Guard("orchestrator/store/segments.py", right, wrong, *tests)
        for right, wrong, *tests in (
            ("self._whole = WHOLE_COMMITS", "pass", _FULL),
            (
                "            self._whole -= 1\n            return",
                "            self._whole -= 2\n            return",
                _STORE + "a_line_says_that_segments_were_lost",
            ),
            (
                "        if not large:  # nor",
                "        self._whole -= not large\n        if not large:  # nor",
                _STORE + "a_refused_commit_is_sent_whole_however_many_small_ones_come_first",
            ),
            ("transaction=False", "transaction=True", _FULL),
            ("if before != after:", "if False:", _STORE + "a_state_is_loaded_as_of_one_moment"),
            (
                "if parts.apart else []",
                "",
                _STORE + "a_commit_without_large_segments_sends_no_more_than_before",
            ),
        )
    ),
    Guard("orchestrator/store/commits.py", "            self._segments.lost()\n", "", _FULL),
    *(
        Guard("orchestrator/contract/segments.py", right, wrong, _CONTRACT + test)
        for right, wrong, test in (
            ("found[2] != field or ", "", "a_reference_stands_in_its_own_field"),
            (" or _crc(value[:-_CHECK_BYTES]) != found[5]", "", "a_damaged_reference_is_none"),
            (
                "(len(found), found[-_CHECK_BYTES:]) != (reference.length, reference.check)",
                "len(found) != reference.length",
                "a_segment_that_is_not_the_one_is_refused",
            ),
            (
                "(len(found), found[-_CHECK_BYTES:]) != (reference.length, reference.check)",
                "found[-_CHECK_BYTES:] != reference.check",
                "a_segment_that_is_not_the_one_is_refused",
            ),
            (" and _SEGMENT.fullmatch(field) is not None", "", "only_large_segments_may_lie_apart"),
            ("_SEGMENT.fullmatch(field)", "_SEGMENT.match(field)", "only_large_segments_may_lie_apart"),
        )
    ),
    *(
        Guard("orchestrator/store/damage.py", right, wrong, _STORE + test)
        for right, wrong, test in (
            ("value.startswith(MARK + name)", "True", "acquire_refuses_a_state_that_refers_to_what_is_gone"),
            (
                "        size = _referred(client, keys)\n",
                "        return None\n",
                "acquire_refuses_a_state_that_refers_to_what_is_gone",
            ),
            ("size <= int(left) + _MOST_STRAYS", "True", "acquire_looks_at_no_more_strays_than_there_can_be"),
        )
    ),
    *(
        Guard("orchestrator/service/repair.py", right, wrong, f"tests/cli/test_repair.py::{_SALVAGED}")
        for right, wrong in (
            ("[*changes.remove, *gone]", "changes.remove"),
            ("[*lost, *filter(is_of_stories, fields)] if lost", "lost if lost"),
        )
    ),
)
