"""The guards of the state's format: who reads what, and that a migration leaves nothing behind.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

FORMAT_GUARDS: Final = (
    # brand/state: a newer state is not read, an older one is, and is written anew
    Guard(
        "orchestrator/brand/state.py",
        "if general.format > formats.written:",
        "if general.format > formats.written + 1:",
        "tests/brand/test_state.py::test_load_leaves_the_state_of_a_newer_version_alone",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "if general.format < formats.oldest:",
        "if general.format < 0:",
        "tests/brand/test_state.py::test_load_refuses_damage",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "if general.format != config.formats.written:",
        "if general.format > config.formats.written:",
        "tests/brand/test_migration.py::test_the_first_commit_writes_every_field_anew",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "if general.format != config.formats.written:",
        "if True:",
        "tests/brand/test_migration.py::test_a_state_of_the_present_format_is_not_written_anew",
    ),
    *(
        Guard(
            "orchestrator/brand/state.py",
            f"        self._{part}.rewrite()\n",
            "",
            "tests/brand/test_migration.py::test_the_first_commit_writes_every_field_anew",
        )
        for part in ("window", "stories", "trend", "spikes", "chunk_summaries")
    ),
    Guard(
        "orchestrator/brand/window.py",
        "pane.topics = pane.topics.rekeyed()",
        "pass",
        "tests/brand/test_migration.py::test_topics_of_an_old_state_go_on_under_the_present_rule",
    ),
    # brand/story_store: old segments go, and the new ones are no larger than what a commit cleans
    Guard(
        "orchestrator/brand/story_store.py",
        "        self._log.drop_all(remove)\n",
        "",
        "tests/brand/test_migration.py::test_the_first_commit_writes_every_field_anew",
    ),
    Guard(
        "orchestrator/brand/story_store.py",
        "        if size >= MOST_CLEANED_BYTES:\n",
        "        if size < 0:\n",
        "tests/brand/test_migration.py::test_a_large_state_is_written_in_segments_of_bounded_size",
    ),
    Guard(
        "orchestrator/brand/story_store.py",
        "        self._removed, self._rewriting = [], False\n",
        "        self._removed = []\n",
        "tests/brand/test_migration.py::test_the_migrated_state_says_the_same",
    ),
    Guard(
        "orchestrator/brand/story_store.py",
        "        self._folded = self._renewed_at = 0\n\n",
        "\n",
        "tests/brand/test_migration.py::test_the_first_commit_writes_every_field_anew",
    ),
    # store: a commit writes the format of its own state, and the two refusals differ
    Guard(
        "orchestrator/store/codes.py",
        "Code.NEWER: (NewerStateError,",
        "Code.NEWER: (InvalidStateError,",
        "tests/store/test_store.py::test_acquire_leaves_the_state_of_a_newer_version_alone",
    ),
    Guard(
        "orchestrator/store/store.py",
        "options.recent_max, options.formats.written),",
        "options.recent_max, options.formats.oldest),",
        "tests/store/test_store.py::test_the_format_stays_until_the_first_commit",
    ),
    # lane, scheduler: what is left parks nothing, is asked about rarely and told once
    Guard(
        "orchestrator/lane/telling.py",
        "(NewerStateError, LaneOutcome.LEFT, None),",
        "(NewerStateError, LaneOutcome.PARKED, None),",
        "tests/lane/test_lane.py::test_lane_ends_by_its_error_without_retrying",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "_Record(not_before_s=now_s + self._park_s, left=True)",
        "_Record(not_before_s=now_s, left=True)",
        "tests/scheduler/test_roster.py::test_finish_looks_rarely_at_a_brand_that_is_left_to_a_newer_version",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "        record.left = False\n",
        "",
        "tests/scheduler/test_roster.py::test_a_brand_is_left_until_a_visit_ends_otherwise",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "if record.parked is None and not record.left:",
        "if record.parked is None:",
        "tests/scheduler/test_roster.py::test_forgive_lets_failed_brands_start_at_once",
    ),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "if outcome is LaneOutcome.LEFT and lane.brand not in self._roster.left():",
        "if outcome is LaneOutcome.LEFT:",
        "tests/scheduler/test_scheduler.py::test_scheduler_leaves_a_brand_to_a_newer_version",
    ),
)
