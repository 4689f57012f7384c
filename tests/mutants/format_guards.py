"""The guards of the state's format: who reads what, and that a migration leaves nothing behind.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_FOLD_PY: Final = "orchestrator/kernels/fold_py.py"
_MERGE_PY: Final = "orchestrator/kernels/merge_py.py"

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
        "if general.format != config.formats.written or not sealed:",
        "if general.format > config.formats.written or not sealed:",
        "tests/brand/test_migration.py::test_the_first_commit_writes_every_field_anew",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "if general.format != config.formats.written or not sealed:",
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
    # kernels, brand/stories, brand/story_store: what is stored and shown does not tell where processes began
    Guard(
        _FOLD_PY,
        "[len(memoryview(story)) for story in _parts.decode(value)[0]]",
        "[len(value) // len(found) for found in [_parts.decode(value)[0]] for _ in found]",
        "tests/kernels/test_stored.py::test_a_story_takes_as_much_after_a_restart_as_when_it_was_written",
    ),
    Guard(
        "orchestrator/brand/story_store.py",
        "sorted(self._removed)",
        "self._removed",
        "tests/archive/test_refold_commits.py",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "in sorted(pane for pane in self.in_pane if pane < first):",
        "in [pane for pane in self.in_pane if pane < first]:",
        "tests/brand/test_earlier.py::test_panes_that_leave_at_once_leave_one_after_the_other",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "self._first_pane, settled, members, mentions\n",
        "self._first_pane, settled, 0, mentions\n",
        "tests/archive/test_refold_commits.py",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "self._first_pane, settled, members, mentions\n",
        "0, settled, members, mentions\n",
        "tests/brand/test_earlier.py::test_state_is_found_anew_where_a_late_chunk_makes_up_for_a_pane",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "max(first_pane(now * PANE_MS, self._window_ms), begun)",
        "max(self._first_pane, begun)",
        "tests/brand/test_earlier.py::test_a_quiet_story_stands_the_same_all_hour",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "mentions / members if members else 1.0",
        "story.mentions / sum([tally[1] for tally in story.panes()])",
        "tests/brand/test_earlier.py::test_a_story_stands_the_same_after_a_restart",
    ),
    # brand/state, brand/mentions: ids are hashed under one key, and those of before brands had one are found again
    Guard(
        "orchestrator/brand/state.py",
        "        if batch.mentions.hashing.key != self._hash_key:\n",
        "        if False:\n",
        "tests/brand/test_hash_keys.py::test_a_state_takes_no_batch_of_another_key",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        if not general.hash_key and self._stories.has_keyed_ids():\n",
        "        if False:\n",
        "tests/brand/test_migration.py::test_ids_under_a_key_are_not_read_without_it",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        self._hash_key = general.hash_key or self._hash_key\n",
        "",
        "tests/brand/test_hash_keys.py::test_the_key_of_a_brand_stays",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "    if len(general.hash_key) not in {0, hash_keys.KEY_BYTES}:\n",
        "    if False:\n",
        "tests/brand/test_migration.py::test_ids_under_a_key_are_not_read_without_it",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        return Hashing(self._hash_key, self._stories.has_old_ids())\n",
        "        return Hashing(self._hash_key)\n",
        "tests/brand/test_migration.py::test_a_mention_that_was_counted_without_a_key_is_not_counted_again",
    ),
    Guard(
        "orchestrator/brand/mentions.py",
        "            if not segment.keyed and ",
        "            if False and ",
        "tests/brand/test_migration.py::test_no_stored_hash_of_before_is_looked_up_as_it_is",
    ),
    Guard(
        "orchestrator/brand/mentions.py",
        "            if not segment.keyed and ",
        "            if ",
        "tests/brand/test_migration.py::test_a_mention_is_counted_once_across_the_migration",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "    if len(hashes) % 8:\n",
        "    if False:\n",
        "tests/kernels/test_stored.py::test_parts_and_hashes_have_to_fit",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "stored.ids_total if stored.old_ids is None else stored.old_ids",
        "0 if stored.old_ids is None else stored.old_ids",
        "tests/kernels/test_stored.py::test_what_older_versions_did_not_say_is_what_it_was_then",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "        if story.old_ids > stored.ids_total:\n",
        "        if False:\n",
        "tests/kernels/test_stored.py::test_what_does_not_fit_is_refused",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "            if story.key in self.records and story.has_old_ids():\n",
        "            if True:\n",
        "tests/brand/test_migration.py::test_old_hashes_are_looked_up_no_longer_than_a_story_needs_them",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "self._words(text[:share])",
        "self._words(text)",
        "tests/kernels/test_fold.py::test_folder_reads_many_texts_no_further_than_their_share",
    ),
    Guard(
        "orchestrator/brand/stories.py",
        "normal_form(text[:share]).key",
        "normal_form(text).key",
        "tests/brand/test_label_bombs.py::test_examples_are_compared_as_far_as_their_share",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "            if old is not None and not old:\n",
        "            if False:\n",
        "tests/kernels/test_fold.py::test_folder_refuses_a_batch_without_the_hashes_that_a_story_needs",
    ),
    Guard(
        "orchestrator/kernels/hash_keys.py",
        "        if len(self.key) != KEY_BYTES:\n",
        "        if False:\n",
        "tests/kernels/test_hashing.py::test_keys_of_another_size_are_refused",
    ),
    # kernels/fold_py: what is stored is taken as it was meant, or not at all, by both twins alike
    *(
        Guard("orchestrator/kernels/fold_py.py", right, wrong, f"tests/kernels/test_stored.py::{test}")
        for right, wrong, test in (
            ("    if len(parts) % PART_BYTES:\n", "    if False:\n", "test_parts_and_hashes_have_to_fit"),
            ("        if not 0 <= first < stop:\n", "        if False:\n", "test_parts_and_hashes_have_to_fit"),
            ('"" if size == len(hashes) else', '"" if True else', "test_parts_and_hashes_have_to_fit"),
            ("            if stop > total:\n", "            if False:\n", "test_ids_of_a_story_are_its_newest"),
            ("        if at != total:\n", "        if False:\n", "test_what_does_not_fit_is_refused"),
            ("            self._newest.pop(key, None)\n", "            pass\n", "test_stories_that_left_are_no_more"),
            ("for key in removed if key < 2**63", "for key in removed", "test_stories_that_left_are_no_more"),
        )
    ),
    # kernels/fold_py, merge_py: what no story has would be dropped twice, or make numbers that are none
    *(
        Guard(file, right, wrong, "tests/kernels/test_stored.py::test_what_does_not_fit_is_refused")
        for file, right, wrong in (
            (_FOLD_PY, "if len(self._panes) * _PANE_BYTES < len(data) or", "if"),
            (_FOLD_PY, " or min(counts) < 0", ""),
            (_FOLD_PY, "max(self.mentions, *counts) > MOST_STORED or ", ""),
            (_FOLD_PY, " or max(map(abs, scores)) > _MOST_SCORE", ""),
            (
                _FOLD_PY,
                "StoredNumber = Annotated[int, Meta(ge=0, le=MOST_STORED)]",
                "StoredNumber = Annotated[int, Meta(ge=0)]",
            ),
            (_MERGE_PY, "if len(set(words)) < len(words) or", "if"),
            (_MERGE_PY, 'not all(abs(weight) <= MOST_WEIGHT for weight in array("d", weights))', "False"),
            (_MERGE_PY, "_length(numbers) <= MOST_WEIGHT and ", ""),
            (_MERGE_PY, " and mass <= MOST_WEIGHT", ""),
        )
    ),
    Guard(
        _MERGE_PY,
        "not all(1 <= number <= MOST_COUNTED for number in numbers)",
        "not all(1 <= number for number in numbers)",
        "tests/kernels/test_merge.py::test_load_refuses_what_does_not_fit",
    ),
    # kernels/entries_py: no other cluster's mentions
    Guard(
        "orchestrator/kernels/entries_py.py",
        "if not 0 <= cluster.mentions < len(counts):",
        "if cluster.mentions >= len(counts):",
        "tests/kernels/test_entries.py::test_entry_refuses_rows_that_are_not_there",
    ),
    # kernels/fold_py: a headline keeps what its mentions have won, from whichever version
    Guard(
        "orchestrator/kernels/fold_py.py",
        "stored.heaviest if stored.label_mentions is None else stored.label_mentions",
        "stored.label_mentions or 0",
        "tests/kernels/test_stored.py::test_what_older_versions_did_not_say_is_what_it_was_then",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "story.spellings, story.words = stored.spellings, None",
        "story.spellings, story.words = (), None",
        "tests/kernels/test_stored.py::test_a_story_is_what_was_written",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "story.spellings, story.words = stored.spellings, None",
        "story.spellings, story.words = stored.spellings, ()",
        "tests/kernels/test_stored.py::test_a_story_is_what_was_written",
    ),
    *(
        Guard(_FOLD_PY, guard, instead, "tests/kernels/test_stored.py::test_what_a_story_is_told_as_is_read_again")
        for guard, instead in (
            ("if len(stored.told) == TOLD_PANES:", "if stored.told:"),
            ("-1 if stored.before_pane is None else stored.before_pane", "stored.before_pane or 0"),
        )
    ),
    *(
        Guard(_FOLD_PY, guard, instead, "tests/kernels/test_fold.py::test_what_most_of_a_pane_says_leads_in_it")
        for guard, instead in (
            ("        elif pane > self.before_pane:\n", "        elif False:\n"),
            ("return (leader, lead - weight) if weight <= lead", "return (leader, lead) if weight <= lead"),
            ("if weight <= lead else (label, weight - lead)", "if weight <= lead else (label, weight)"),
        )
    ),
    # kernels/headline: senders cannot make it grow, and its words are those that storage has
    Guard(
        "orchestrator/kernels/headline.py",
        "    if counted == weight and len(others) == MAX_SPELLINGS - 1:\n",
        "    if counted < weight:\n",
        "tests/kernels/test_headline.py",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "words if spelling == label else self._words(spelling)",
        "words",
        "tests/kernels/test_fold.py::test_headline_is_what_is_shown",
    ),
    Guard(
        "orchestrator/kernels/fold_py.py",
        "self.index.shared(story.key, story.words) * MARGIN\n",
        "self.index.shared(story.key, story.words)\n",
        "tests/kernels/test_fold.py::test_headline_stays_with_the_older_of_equals",
    ),
    # store: a commit writes the format of its own state, and the two refusals differ
    Guard(
        "orchestrator/store/codes.py",
        "Code.NEWER: (NewerStateError,",
        "Code.NEWER: (InvalidStateError,",
        "tests/store/test_store.py::test_acquire_leaves_the_state_of_a_newer_version_alone",
    ),
    Guard(
        "orchestrator/store/commits.py",
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
        "_Record(not_before_s=now_s + self._park_s, trouble=record",
        "_Record(not_before_s=now_s, trouble=record",
        "tests/scheduler/test_roster.py::test_finish_looks_rarely_at_a_brand_that_is_left_to_a_newer_version",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "None if record.left else record.trouble",
        "record.trouble",
        "tests/scheduler/test_roster.py::test_a_brand_is_left_until_a_visit_ends_otherwise",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "if not (record.parked or record.left):",
        "if not record.parked:",
        "tests/scheduler/test_roster.py::test_forgive_lets_failed_brands_start_at_once",
    ),
    Guard(
        "orchestrator/scheduler/scheduler.py",
        "if outcome is LaneOutcome.LEFT and lane.brand not in self._roster.left():",
        "if outcome is LaneOutcome.LEFT:",
        "tests/scheduler/test_scheduler.py::test_scheduler_leaves_a_brand_to_a_newer_version",
    ),
)
