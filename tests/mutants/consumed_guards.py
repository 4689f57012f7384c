"""The guards of what waits for the archive: nothing is folded that cannot be kept, nothing kept is taken for another.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_CONTRACT: Final = "orchestrator/contract/consumed.py"
_HEADS: Final = "tests/contract/test_consumed.py"
_STORE: Final = "orchestrator/store/consumed.py"
_WAITS: Final = "tests/store/test_consumed.py"
_PIPELINE: Final = "orchestrator/lane/pipeline.py"
_BOUND: Final = "tests/lane/test_session_archive.py"
_LIVE: Final = "tests/archive/test_consumed.py"


CONSUMED_GUARDS: Final = (
    # contract/consumed: what is read back is typed, bounded, and says what became of just its items
    *(
        Guard(_CONTRACT, text, instead, _HEADS)
        for text, instead in (
            ("    if len(data) > MAX_HEAD_BYTES:\n", "    if False:\n"),
            ("    if told.record > FORMAT:\n", "    if False:\n"),
            ("    if told.record < 1 or not sound:\n", "    if not sound:\n"),
            ("0 <= min(times) <= max(times) < _MAX_TIME and", "0 <= min(times) and"),
            ("0 <= min(times) <= max(times) < _MAX_TIME and", "max(times) < _MAX_TIME and"),
            ("and 0 <= told.items <= MAX_ITEMS", "and 0 <= told.items"),
            ("    if not _CID.fullmatch(told.cid) or", "    if"),
            (' or not (told.previous == "" or _CID.fullmatch(told.previous)):', ":"),
            ("    if not whole or sum", "    if sum"),
            (" or sum(count for count, _ in found) != items:", ":"),
            ("    for _ in read_runs(head.fates, head.items):\n        pass\n", ""),
            ('    return text.encode(errors="backslashreplace").decode()', "    return text"),
            ("    sound = _CID.fullmatch(note.first) and _CID.fullmatch(note.last) and", "    sound ="),
            (" and note.records > 0\n", "\n"),
            ("if sound and min(note.entries, note.bytes) >= 0 else", "if sound else"),
        )
    ),
    # store/consumed: whole records that fit, the range that was noted, and nothing that cannot be read
    *(
        Guard(_STORE, text, instead, f"{_WAITS}::{test}")
        for text, instead, test in (
            (
                "                if chosen and left < 0:\n",
                "                if left < 0:\n",
                "test_read_takes_whole_records_that_fit",
            ),
            (
                "                if chosen and left < 0:\n",
                "                if False:\n",
                "test_read_takes_whole_records_that_fit",
            ),
            (
                "            more = len(page) == _PAGE\n",
                "            more = False\n",
                "test_read_goes_on_over_many_heads",
            ),
            (
                "            return found if len(found) == note.records else []\n",
                "            return found\n",
                "test_read_takes_just_the_range_of_a_note",
            ),
            (
                "return heads if ends == [note.first, note.last] else []",
                "return heads",
                "test_read_takes_just_the_range_of_a_note",
            ),
            (
                "                if not heads:\n                    raise\n",
                "",
                "test_read_leaves_what_a_newer_version_left",
            ),
            (
                "if not isinstance(payloads, list) or len(payloads) != head.items:",
                "if not isinstance(payloads, list):",
                "test_read_takes_out_what_cannot_be_read_and_counts_it",
            ),
            (
                "if not isinstance(payloads, list) or len(payloads) != head.items:",
                "if payloads is not None and len(payloads) != head.items:",
                "test_read_takes_out_what_cannot_be_read_and_counts_it",
            ),
            (
                "            if not self._skip(keys, token):\n                break\n",
                "            break\n",
                "test_read_takes_out_what_cannot_be_read_and_counts_it",
            ),
            (
                "*(keys.consumed(cid) for cid in cids if cid)",
                "",
                "test_remove_takes_out_just_what_was_noted",
            ),
            (
                "if text is not None and len(text) <= _DIGITS and text.isdigit() else 0",
                "if text is not None and text.isdigit() else 0",
                "test_waiting_reads_numbers_that_are_none_as_nothing",
            ),
            (
                "if text is None or not _WORD.fullmatch(text) else",
                "if text is None else",
                "test_waiting_reads_numbers_that_are_none_as_nothing",
            ),
        )
    ),
    Guard(
        _STORE,
        "            if not any(isinstance(reply, StoreUnavailableError) for reply in (fields, length))\n",
        "",
        "tests/store/cluster/test_claims.py::test_node_that_is_away_keeps_no_other_ones_records_from_the_archive",
    ),
    # store/lua: what the mutants of the scripts cannot take away as a statement
    *(
        Guard(f"orchestrator/store/lua/{script}.lua", text, instead, f"{_WAITS}::{test}")
        for script, text, instead, test in (
            ("commit", "or record and foreign(18, 19)", "", "test_commit_refuses_a_key_of_a_foreign_type_by_its_name"),
            (
                "commit",
                " and redis.call('PTTL', queue) < 0",
                "",
                "test_what_a_commit_leaves_never_expires",
            ),
            (
                "commit",
                "local keeps = record and not skips",
                "local keeps = record",
                "test_commit_goes_on_without_a_record_where_it_may",
            ),
            (
                "commit",
                "waiting >= tonumber(most_bytes)",
                "waiting > tonumber(most_bytes)",
                "test_commit_stops_where_as_much_waits_as_may",
            ),
            (
                "commit",
                "if skips and at_bound == 'pause' then",
                "if skips then",
                "test_commit_goes_on_without_a_record_where_it_may",
            ),
            (
                "commit",
                "redis.call('LLEN', queue) == consumed and",
                "true and",
                "test_commit_leaves_the_rest_of_the_queue",
            ),
            ("commit", "'since', told[3] or since_ms)", "'since', since_ms)", "test_commit_leaves_what_it_took"),
            (
                "commit",
                "if not follows then",
                "if false then",
                "test_commit_of_a_process_without_an_archive_makes_a_gap",
            ),
            (
                "commit",
                "local function number(text) return tonumber(text or 0) or 0 end",
                "local function number(text) return tonumber(text or 0) end",
                "test_commit_ignores_numbers_that_are_none",
            ),
            ("hold", "if not mine and writer and left_ms > 0 then", "if false then", "test_take_is_for_one_at_a_time"),
            ("hold", "and left_ms > 0 then", "then", "test_take_is_for_one_at_a_time"),
            (
                "hold",
                "if not mine and (had or hold_ms == 0) then",
                "if not mine and hold_ms == 0 then",
                "test_hold_is_for_who_has_the_right",
            ),
            (
                "hold",
                "if not mine and (had or hold_ms == 0) then",
                "if false then",
                "test_hold_is_for_who_has_the_right",
            ),
            (
                "hold",
                "if left_ms > most_ms then",
                "if false then",
                "test_take_shortens_a_hold_that_no_process_would_have",
            ),
            (
                "hold",
                'if note and (not first or head:match(\'"cid":"([%w-]+)"\') ~= first) then',
                "if false then",
                "test_take_forgets_a_note_of_what_is_gone",
            ),
            ("note", "if writer ~= token or", "if", "test_note_is_for_who_has_the_right_and_of_what_waits"),
            (
                "note",
                " or (tonumber(till or 0) or 0) <= now_ms then",
                " then",
                "test_note_is_for_who_has_the_right_and_of_what_waits",
            ),
            ("note", "if found ~= cid then", "if false then", "test_note_is_for_who_has_the_right_and_of_what_waits"),
            ("remove", "note ~= '' and told[1] ~= note or", "", "test_remove_takes_out_just_what_was_noted"),
            (
                "remove",
                "or note == '' and told[2] ~= token then",
                "then",
                "test_read_takes_out_what_cannot_be_read_and_counts_it",
            ),
            (
                "remove",
                "if not head or found ~= cid then",
                "if found ~= cid and cid ~= '' then",
                "test_what_is_taken_out_twice_takes_nothing_else",
            ),
            (
                "remove",
                "if not head or found ~= cid then",
                "if found ~= cid then",
                "test_nothing_is_taken_out_of_an_empty_list",
            ),
            ("remove", "if lost == '1' then", "if false then", "test_read_takes_out_what_cannot_be_read_and_counts_it"),
            ("remove", "left == 0 and 0 or math.max(", "math.max(", "test_remove_takes_out_just_what_was_noted"),
            ("purge", "if recorded ~= last then", "if false then", "test_a_purge_takes_what_is_committed_meanwhile"),
        )
    ),
    # lane: what the archive may not take is not folded, not ahead either, and nobody is to blame for it
    *(
        Guard(_PIPELINE, text, instead, f"{_BOUND}::{test}")
        for text, instead, test in (
            (
                "            return self._refreshed(batch, peek)\n        self._refuse_behind()\n",
                "            return self._refreshed(batch, peek)\n",
                "test_a_brand_at_its_bound_stands_still_and_goes_on",
            ),
            (
                "            return None\n        self._refuse_behind()\n",
                "            return None\n",
                "test_a_brand_that_has_nothing_to_do_is_not_parked",
            ),
            (
                "            except (DeadLetterFullError, ArchiveBehindError):\n",
                "            except DeadLetterFullError:\n",
                "test_a_brand_at_its_bound_stands_still_and_goes_on",
            ),
            (
                "self._store.behind(self._lease, self._unarchived + taken + _ROUNDLY) is not None:",
                "False:",
                "test_a_brand_at_its_bound_stands_still_and_goes_on",
            ),
            (
                "        self._unarchived = answer.unarchived or self._unarchived",
                "        self._unarchived = self._unarchived",
                "test_a_brand_at_its_bound_stands_still_and_goes_on",
            ),
        )
    ),
    Guard(
        "orchestrator/store/store.py",
        "            and (not options.archive_bytes or _number(size) < options.archive_bytes)\n",
        "",
        f"{_BOUND}::test_a_brand_at_its_bound_stands_still_and_goes_on",
    ),
    Guard(
        "orchestrator/store/store.py",
        "        if options.archive_bytes and options.archive_policy is ArchivePolicy.PAUSE:\n",
        "        if options.archive_bytes:\n",
        f"{_BOUND}::test_a_brand_that_may_skip_goes_on",
    ),
    Guard(
        "orchestrator/store/store.py",
        "        stops = options.archive_bytes and options.archive_policy is ArchivePolicy.PAUSE\n",
        "        stops = options.archive_bytes\n",
        f"{_WAITS}::test_commit_goes_on_without_a_record_where_it_may",
    ),
    Guard(
        "orchestrator/store/commits.py",
        "        if not options.archive_bytes:\n            return ()\n",
        "",
        f"{_WAITS}::test_commit_without_an_archive_touches_none_of_its_keys",
    ),
    # what a fold is told with: times of its own, and of each item what became of it
    Guard(
        "orchestrator/lane/fates.py",
        "    if len(new.batch.indices) == count:  # nearly always\n",
        "    if True:\n",
        f"{_LIVE}::test_what_contradicts_is_told",
    ),
    Guard(
        "orchestrator/lane/batch.py",
        "            self.told = Told(now_ms, state.clock_ms, told_fates(",
        "            self.told = Told(0, state.clock_ms, told_fates(",
        f"{_LIVE}::test_what_waits_is_what_sessions_committed",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "            parked = code or (Code.FULL",
        "            parked = (Code.FULL",
        "tests/scheduler/test_roster.py::test_a_brand_that_is_left_alone_is_told_with_its_code",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "self.trouble.code in ROOM\n",
        "self.trouble.code is Code.FULL\n",
        "tests/scheduler/test_roster.py::test_a_brand_that_waits_for_the_archive_starts_as_soon_as_there_is_room",
    ),
)
