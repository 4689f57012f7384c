"""The guards of archived records: nothing else is taken for one, and what follows on what is told by the chain.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_RECORD: Final = "orchestrator/archive/record.py"
_REFOLD: Final = "orchestrator/archive/refold.py"
_CHAIN: Final = "orchestrator/archive/chain.py"
_SNAPSHOT: Final = "orchestrator/archive/snapshot.py"
_SWAP: Final = "orchestrator/service/swap.py"
_SERVICE: Final = "orchestrator/service/snapshots.py"
_EXPLAIN: Final = "orchestrator/archive/explain.py"
_RETELL: Final = "orchestrator/archive/retell.py"
_CONTRIBUTIONS: Final = "orchestrator/brand/contributions.py"
_STATE: Final = "orchestrator/brand/state.py"
_TOLD: Final = "tests/archive/test_explain.py"
_LOOKING: Final = "orchestrator/objects/looking_back.py"
_LOOKED: Final = "tests/objects/test_looking_back.py"
_FOLDED_NO_MORE: Final = f"{_TOLD}::test_item_that_cannot_be_folded_any_more_is_told"
_REFUSED: Final = "tests/archive/test_record.py::test_record_that_was_not_written_so_is_refused"

ARCHIVE_GUARDS: Final = (
    # archive/record: of a known format and the right brand, bounded, and whole
    Guard(_RECORD, "if not 1 <= head.record <= FORMAT:", "if head.record < 1:", _REFUSED),
    Guard(_RECORD, "if head.brand != brand:", "if False:", _REFUSED),
    Guard(_RECORD, "if not 0 <= head.items <= MAX_ITEMS:", "if head.items < 0:", _REFUSED),
    Guard(_RECORD, " < 0 or not head.cid:", " < 0:", _REFUSED),
    Guard(_RECORD, "if check_of(record) != head.check:", "if False:", _REFUSED),
    Guard(
        _RECORD,
        "if isinstance(found.payload, str) is isinstance(found.base64, str):",
        "if False:",
        "tests/archive/test_record.py::test_item_that_was_not_written_so_is_refused",
    ),
    Guard(_RECORD, "{first.previous}-{last.cid}.", "{first.previous}.", "tests/archive/test_record.py"),
    Guard(
        _RECORD,
        "if len(line) > MAX_HEAD_BYTES:",
        "if False:",
        "tests/archive/test_record.py::test_long_line_is_not_decoded",
    ),
    Guard(
        _RECORD,
        "if len(line) > MAX_ITEM_BYTES:",
        "if False:",
        "tests/archive/test_record.py::test_long_line_is_not_decoded",
    ),
    Guard(
        _RECORD,
        "        if size > MAX_OBJECT_BYTES:\n",
        "        if False:\n",
        "tests/archive/test_record.py::test_object_that_is_none_is_refused",
    ),
    Guard(
        _RECORD,
        "        if not text and not unpacker.eof:\n",
        "        if not text and not unpacker.eof:\n            break\n        if False:\n",
        "tests/archive/test_record.py::test_object_that_is_none_is_refused",
    ),
    Guard(
        _RECORD,
        "    if unpacker.unused_data:\n",
        "    if False:\n",
        "tests/archive/test_record.py::test_object_that_is_none_is_refused",
    ),
    Guard(
        _RECORD,
        "        if len(open_line) > MAX_ITEM_BYTES:\n",
        "        if False:\n",
        "tests/archive/test_record.py::test_line_that_does_not_end_is_not_held",
    ),
    Guard(
        _RECORD,
        "        if passed < head.items:\n",
        "        if False:\n",
        "tests/archive/test_record.py::test_links_are_what_records_say",
    ),
    # archive/chain: one predecessor each, none missing, no circle
    Guard(
        _CHAIN,
        "if previous.setdefault(link.cid, link.previous) != link.previous:",
        "if previous.setdefault(link.cid, link.previous) is None:",
        "tests/archive/test_chain.py::test_chain_that_is_broken_is_refused",
    ),
    Guard(
        _CHAIN,
        "        if cid in replaced:\n",
        "        if False:\n",
        "tests/archive/test_chain.py::test_chain_that_is_broken_is_refused",
    ),
    Guard(
        _REFOLD,
        "        if record.replaces:",
        "        if False:",
        "tests/archive/test_refold.py::test_record_that_cannot_be_folded_is_refused",
    ),
    # what a commit leaves for the archive: the brand's own settings; the base of what nobody folded
    *(
        Guard(file, "commit).effective\n", "commit).values\n", f"tests/service/test_swap.py::{test}")
        for file in ("orchestrator/lane/pipeline.py", "orchestrator/store/commits.py")
        for test in ("test_records_tell_what_the_brand_is_folded_with",)
    ),
    Guard(
        "orchestrator/service/repair.py",
        "session_config(settings, HOLDER).owning(lease.own)",
        "session_config(settings, HOLDER)",
        "tests/service/test_swap.py::test_repair_puts_the_base_of_what_nobody_folded",
    ),
    *(
        Guard(
            f"orchestrator/service/{name}.py",
            "as_committed(client, settings, brand)\n",
            "settings\n",
            f"tests/service/test_swap.py::{test}",
        )
        for name, test in (
            ("swap", "test_shell_with_other_settings_changes_nothing_about_the_brand"),
            ("repair", "test_repair_puts_the_base_of_what_nobody_folded"),
        )
    ),
    Guard(
        "orchestrator/rebuild/course.py",
        "{**self.process, **told}",
        "self.process",
        "tests/rebuild/test_course.py::test_setting_that_is_taken_away_is_that_of_the_brands_processes",
    ),
    Guard(
        "orchestrator/service/bases.py",
        "    if not settings.archives:\n",
        "    if True:\n",
        "tests/service/test_swap.py::test_base_is_what_the_commit_leaves",
    ),
    *(
        Guard(
            _SNAPSHOT,
            text,
            instead,
            "tests/archive/test_snapshot.py::test_what_a_commit_leaves_is_what_its_script_writes",
        )
        for text, instead in (
            ("        digests = StoredDigests(change.entries,", "        StoredDigests(change.entries,"),
            ("if name not in days_gone} | dict(commit.trend_put)", "if name not in days_gone}"),
            ("[*before.recent, *commit.recent][-MAX_RECENT:]", "before.recent"),
        )
    ),
    # service/purging: what went is counted, also where the rest did not go
    *(
        Guard(
            "orchestrator/service/purging.py",
            text,
            instead,
            "tests/service/test_purging.py::test_what_went_before_it_failed_is_counted",
        )
        for text, instead in (
            ("    _count([entry for entry in ours if entry.name not in left], counted)\n", ""),
            ("(had and not kept_before)", "had"),
        )
    ),
    # service/bases: a purge wins, whenever it comes
    *(
        Guard("orchestrator/service/bases.py", text, "        if False:\n", f"tests/service/test_swap.py::{test}")
        for text, test in (
            ("        if not had:\n", "test_base_waits_for_who_puts_records"),
            ("        if store.renew([lease]):\n", "test_nothing_is_put_behind_a_purge"),
        )
    ),
    Guard(
        "orchestrator/service/bases.py",
        "    with the_right(client, brand, wait_s=wait_s) as had:\n",
        "    for had in (True,):\n",
        "tests/service/test_swap.py::test_purge_waits_for_a_base_and_removes_it",
    ),
    # service/swap: on top of the named commit, under a lease that is ours, with its base in the archive before it
    *(
        Guard(_SWAP, text, instead, f"tests/service/test_swap.py::{test}")
        for text, instead, test in (
            ("        look()\n", "", "test_another_commit_is_stale_and_disturbs_nobody"),
            (
                "        refuse_another(brand.cid)\n",
                "",
                "test_commit_between_the_look_and_the_lease_is_stale",
            ),
            (
                "            keep_base(self._client, self._store, lease, base, settings)\n",
                "",
                "test_without_its_base_no_state_is_put_in_place",
            ),
            ("            own=own,\n", "", "test_swapped_state_is_what_the_brand_goes_on_with"),
            (", forgive=taken)", ")", "test_brand_is_taken_from_a_lane_that_loses_nothing"),
            ("        time.sleep(_LOOK_S)\n", "", "test_brand_that_is_let_go_is_not_taken"),
            (" and clock() < end_s:", ":", "test_held_brand_stays_held"),
            ("    if comparison.losses:\n", "    if False:\n", "test_what_the_state_would_lose_is_refused"),
            (
                "    if window_s > settings.summary_ttl_sec:\n",
                "    if False:\n",
                "test_what_the_state_would_lose_is_refused",
            ),
            (
                "                if attempt == _ATTEMPTS:\n                    raise\n",
                "                return\n",
                "test_lost_answer_is_asked_for_again",
            ),
            (
                "    if len(wanted) >= MAX_RECENT and list(there) != list(wanted):",
                "    if False:",
                "test_nobody_is_alerted_of_history_and_recent_chunks_are_those_of_the_state",
            ),
        )
    ),
    *(
        Guard(
            "orchestrator/store/lua/acquire.lua",
            text,
            instead,
            "tests/service/test_swap.py::test_brand_is_taken_from_a_lane_that_loses_nothing",
        )
        for text, instead in ((" and not take then", " then"), ("ARGV[10] == '1'", "true"))
    ),
    # archive/refold: on top of the right commit, by the same rules, with the settings and times of each record
    Guard(
        _REFOLD,
        "if (record.brand, record.previous) != (self.brand, self.cid):",
        "if False:",
        "tests/archive/test_refold.py::test_record_that_cannot_be_folded_is_refused",
    ),
    Guard(
        _REFOLD,
        "    if rules != RULES_VERSION:\n",
        "    if False:\n",
        "tests/archive/test_refold.py::test_record_that_cannot_be_folded_is_refused",
    ),
    Guard(
        _REFOLD,
        " or config != self._folded_with:",
        ":",
        "tests/archive/test_refold.py::test_other_settings_show_what_would_have_been",
    ),
    Guard(
        _REFOLD,
        "            state.advance(record.clock_ms)\n",
        "            pass\n",
        "tests/archive/test_refold.py::test_refold_knows_items_of_all_times",
    ),
    Guard(
        _REFOLD,
        "            self._fields.pop(name, None)\n",
        "            pass\n",
        "tests/archive/test_refold.py::test_what_leaves_the_state_leaves_its_fields",
    ),
    Guard(
        _REFOLD,
        " for place in places if found[place] != told[place]",
        " for place in places if False",
        "tests/archive/test_refold.py::test_item_at_which_live_and_archive_part_is_told",
    ),
    # archive/snapshot: a file of ours, of a known version, whole and bounded; digests are those that were left
    Guard(
        _SNAPSHOT,
        "    if int(number) != VERSION:\n",
        "    if False:\n",
        "tests/archive/test_snapshot.py::test_file_that_is_none_is_refused",
    ),
    Guard(
        _SNAPSHOT,
        "    if not unpacker.eof or unpacker.unused_data:\n",
        "    if False:\n",
        "tests/archive/test_snapshot.py::test_file_that_is_none_is_refused",
    ),
    Guard(
        _SNAPSHOT,
        "    if unpacker.unconsumed_tail:\n",
        "    if False:\n",
        "tests/archive/test_snapshot.py::test_file_that_says_what_cannot_be_is_refused",
    ),
    Guard(
        _SNAPSHOT,
        "file.begun_ms, file.conflicts) < 0:",
        "file.begun_ms, file.conflicts) < -9:",
        "tests/archive/test_snapshot.py::test_file_that_says_what_cannot_be_is_refused",
    ),
    Guard(
        _SNAPSHOT,
        "    if digests.younger_set or digests.older_set:\n",
        "    if False:\n",
        "tests/archive/test_snapshot.py::test_file_that_says_what_cannot_be_is_refused",
    ),
    # service/snapshots: on top of the commit that was named, of one moment, and nothing lost unasked
    Guard(
        _SERVICE,
        "        _refuse_another(snapshot, brand.lease, over)\n",
        "",
        "tests/cli/test_state.py::test_brand_that_has_moved_on_is_not_overwritten",
    ),
    Guard(
        _SERVICE,
        "    _refuse_losses(snapshot, stored, mine)\n",
        "",
        "tests/cli/test_state.py::test_file_of_other_settings_or_brands_is_refused",
    ),
    Guard(
        _SWAP,
        "        refuse_the_future(lease.brand, state, lease.now_ms)\n",
        "",
        "tests/cli/test_state.py::test_state_of_a_time_to_come_is_refused",
    ),
    Guard(
        _SERVICE,
        "as_committed(client, settings, snapshot.brand)\n",
        "settings\n",
        "tests/cli/test_state.py::test_shell_with_other_settings_brings_a_state_back_under_those_of_the_brand",
    ),
    Guard(
        _SERVICE,
        '    if checked(runner.run([("HGET", keys.meta, "cid")])[0]) != cid:\n',
        "    if False:\n",
        "tests/cli/test_state.py::test_export_is_of_one_moment",
    ),
    Guard(
        _SWAP,
        "            remove=sorted(set(fields) - put.keys()),\n",
        "",
        "tests/cli/test_state.py::test_brand_that_has_moved_on_is_not_overwritten",
    ),
    Guard(
        _SWAP,
        "        if set(fields) & put.keys():\n",
        "        if False:\n",
        "tests/cli/test_state.py::test_large_segments_take_the_place_of_others",
    ),
    Guard(
        _SWAP,
        '            digests=Ledger(replace(snapshot.stored.digests, leftover=True)).change(b"", lease.now_ms),\n',
        "",
        "tests/cli/test_state.py::test_brand_that_has_moved_on_is_not_overwritten",
    ),
    # why a number is what it is: what counts and nothing else, of this story and no other one
    Guard(
        _CONTRIBUTIONS,
        "[] if place in late else ",
        "",
        "tests/brand/test_contributions.py::test_late_and_nameless_add_to_what_they_count_in",
    ),
    Guard(
        _CONTRIBUTIONS,
        "if one.late or not one.chunk.topics:",
        "if not one.chunk.topics:",
        "tests/brand/test_contributions.py::test_late_and_nameless_add_to_what_they_count_in",
    ),
    Guard(
        _STATE,
        "joined, self._stories.joined = self._stories.joined, None",
        "joined = self._stories.joined",
        "tests/brand/test_contributions.py::test_nobody_watches_after_a_fold_that_was_watched",
    ),
    Guard(
        _EXPLAIN,
        " else one.late:",
        " else False:",
        f"{_TOLD}::test_late_chunk_does_not_count_in_a_larger_window",
    ),
    Guard(
        _EXPLAIN,
        "        if len(self._rows) > self._most:\n",
        "        if False:\n",
        f"{_TOLD}::test_journal_is_bounded",
    ),
    Guard(
        _EXPLAIN,
        "        self._rows = [row for row in self._rows if row.at_ms >= since_ms]\n",
        "",
        f"{_TOLD}::test_journal_is_bounded",
    ),
    Guard(
        _EXPLAIN,
        "since_ms = (first_pane - panes) * PANE_MS",
        "since_ms = first_pane * PANE_MS",
        f"{_TOLD}::test_window_that_grows_brings_back_what_is_stored",
    ),
    Guard(
        _EXPLAIN,
        "if found is not None and row.at_ms // PANE_MS in panes:",
        "if found is not None:",
        f"{_TOLD}::test_window_that_grows_brings_back_what_is_stored",
    ),
    Guard(
        _EXPLAIN,
        "    if len(found) == 1:\n",
        "    if found:\n",
        f"{_TOLD}::test_story_is_named_by_its_id_or_a_part_of_its_headline",
    ),
    Guard(
        _EXPLAIN,
        "time[:MAX_SAID_CHARS]",
        "time",
        f"{_TOLD}::test_wrong_clock_and_odd_times_are_shown_as_they_were_said",
    ),
    Guard(
        _RETELL,
        "if self.at_ms is not None and record.summary_ms > self.at_ms:",
        "if False:",
        f"{_TOLD}::test_summary_is_that_of_the_last_commit_before",
    ),
    Guard(
        _RETELL,
        "            if not record.summary_ms:\n",
        "            if False:\n",
        f"{_TOLD}::test_summary_is_that_of_the_last_commit_before",
    ),
    Guard(_RETELL, "if (record.brand, record.previous) != (self._brand, self._cid):", "if False:", _FOLDED_NO_MORE),
    Guard(_RETELL, "        if batch.rejected:\n", "        if False:\n", _FOLDED_NO_MORE),
    Guard(
        _RETELL,
        "            if not self._written:\n",
        "            if False:\n",
        f"{_TOLD}::test_retold_is_what_commits_wrote",
    ),
    Guard(
        _RETELL,
        "if one.replaces and self.base_of is not None:",
        "if False:",
        f"{_LOOKED}::test_another_state_that_was_put_in_place_begins_anew",
    ),
    Guard(
        _LOOKING,
        "    if way.base_ref is not None and way.base_ref.cid == way.cid:\n",
        "    if False:\n",
        f"{_LOOKED}::test_another_state_that_was_put_in_place_begins_anew",
    ),
    Guard(
        _LOOKING,
        "    except ArchiveError:\n        return None\n",
        "    except ArchiveError:\n        raise\n",
        f"{_LOOKED}::test_what_lies_before_a_gap_is_the_rest",
    ),
    *(
        Guard(_LOOKING, right, wrong, f"{_LOOKED}::test_a_tail_is_as_if_it_were_archived")
        for right, wrong in (
            ("max(last.now_ms, last.summary_ms) <= at_ms", "True"),
            ("    if not way.cid and not tail:\n", "    if not way.cid:\n"),
        )
    ),
)
