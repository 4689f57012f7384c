"""The guards of dead letters that are mended, and of lists that are full.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_STORE: Final = "tests/store/test_letters.py"
_LETTERS: Final = "tests/letters"
_ROOM: Final = "tests/lane/test_session_room.py"
_CLI: Final = "tests/cli/test_failed_mend.py"

LETTER_GUARDS: Final = (
    # store/lua/mend: what the mutants of the scripts cannot take away as a statement
    Guard(
        "orchestrator/store/lua/mend.lua",
        "place > last and ",
        "",
        f"{_STORE}::test_one_place_is_one_letter",
    ),
    Guard(
        "orchestrator/store/lua/mend.lua",
        "redis.call('LINDEX', failed, place) == ARGV[at + 1]",
        "redis.call('LINDEX', failed, place) ~= ''",
        f"{_STORE}::test_a_letter_that_stands_elsewhere_stays",
    ),
    Guard(
        "orchestrator/store/lua/mend.lua",
        "from_the_end and -#there or #there",
        "1",
        f"{_STORE}::test_one_place_is_one_letter",
    ),
    Guard(
        "orchestrator/store/lua/mend.lua",
        "times + 1, now_ms",
        "1, now_ms",
        f"{_STORE}::test_a_mark_says_who_when_and_how_often",
    ),
    # contract/letters, contract/set_value: what is not whole, or not there, is not sent
    Guard(
        "orchestrator/contract/letters.py",
        'if fields.get("cutBytes"):',
        "if False:",
        "tests/contract/test_letters.py::test_what_is_not_whole_is_refused",
    ),
    Guard(
        "orchestrator/contract/letters.py",
        "base64.b64decode(payload, validate=True)",
        "base64.b64decode(payload)",
        "tests/contract/test_letters.py::test_what_is_not_whole_is_refused",
    ),
    Guard(
        "orchestrator/contract/set_value.py",
        "json.loads(payload.decode(), parse_constant=_refuse)",
        "json.loads(payload.decode())",
        "tests/contract/test_letters.py::test_a_place_that_is_not_there_is_refused",
    ),
    # cli: only what is meant, once
    Guard(
        "orchestrator/cli/failed_mend.py",
        'if not (options.pop("everything") or is_narrow(wanted)):',
        'if options.pop("everything") and is_narrow(wanted):',
        f"{_CLI}::test_retry_asks_which",
    ),
    Guard(
        "orchestrator/cli/selecting.py",
        "Writer.ORCHESTRATOR if name is None else",
        "None if name is None else",
        f"{_CLI}::test_retry_sends_all_of_ours_in_their_order",
    ),
    Guard(
        "orchestrator/letters/moving.py",
        "if here[name] < left[name]:",
        "if here[name] < 1:",
        f"{_LETTERS}/test_moving.py::test_a_letter_that_fails_again_is_not_sent_twice",
    ),
    Guard(
        "orchestrator/letters/moving.py",
        "while left and self._pass(brand, left):\n            pass",
        "self._pass(brand, left)",
        f"{_LETTERS}/test_moving.py::test_two_retries_at_once_share_the_letters",
    ),
    Guard(
        "orchestrator/letters/moving.py",
        "walk.place += seen - moved",
        "walk.place += seen",
        f"{_LETTERS}/test_moving.py::test_many_letters_keep_their_order",
    ),
    Guard(
        "orchestrator/letters/order.py",
        "writer=self.selection.writer or Writer.ORCHESTRATOR",
        "writer=self.selection.writer",
        f"{_LETTERS}/test_moving.py::test_letters_of_others_are_moved_by_name_alone",
    ),
    Guard(
        "orchestrator/letters/order.py",
        "worker_queue_key(brand) if self.wanted.writer is Writer.WORKER else queue_key(brand)",
        "queue_key(brand)",
        f"{_LETTERS}/test_moving.py::test_letters_of_others_are_moved_by_name_alone",
    ),
    Guard(
        "orchestrator/letters/tally.py",
        "group in self.groups or len(self.groups) < MAX_GROUPS",
        "True",
        f"{_LETTERS}/test_reading.py::test_groups_are_bounded",
    ),
    Guard(
        "orchestrator/cli/failed.py",
        'if form == "payload" and on_terminal():',
        "if False:",
        "tests/cli/test_failed.py::test_a_payload_is_not_written_to_a_terminal",
    ),
    Guard(
        "orchestrator/letters/moving.py",
        "if took_s >= LONG_CALL_S:",
        "if False:",
        f"{_LETTERS}/test_moving.py::test_others_are_served_between_two_long_calls",
    ),
    Guard(
        "orchestrator/store/lua/walk.lua",
        "(bytes - before) * FEW <= most_bytes and FEW or 1",
        "128",
        f"{_STORE}::test_a_walk_reads_all_in_bounded_slices",
    ),
    # lane: the list is filled exactly
    Guard(
        "orchestrator/lane/pipeline.py",
        "if self._next is None or (self._next.rejected and self._store.keeps_letters):",
        "if self._next is None:",
        f"{_ROOM}::test_the_list_is_filled_exactly",
    ),
    Guard(
        "orchestrator/lane/pipeline.py",
        "or room >= len(places) else places[room]",
        "or room >= len(places) else 1",
        f"{_ROOM}::test_the_list_is_filled_exactly",
    ),
    Guard(
        "orchestrator/lane/pipeline.py",
        "publish = batch.closing or self._pace",
        "publish = self._pace",
        f"{_ROOM}::test_the_list_is_filled_exactly",
    ),
    Guard(
        "orchestrator/lane/pipeline.py",
        "if self._refreshed(first, peek) is None:",
        "if True:",
        f"{_ROOM}::test_the_list_is_filled_exactly",
    ),
    Guard(
        "orchestrator/lane/pipeline.py",
        "self._batch, self._next = None, batch  # nor is it",
        "pass  # nor is it",
        f"{_ROOM}::test_nothing_is_held_against_what_waits_for_room",
    ),
    Guard(
        "orchestrator/scheduler/roster.py",
        "turned = (full[start:] + full[:start])[:FULL_LOOK]",
        "turned = full[:FULL_LOOK]",
        "tests/scheduler/test_roster.py::test_very_many_full_brands_are_asked_about_in_turn",
    ),
    # scheduler: who makes room sees the brand go on
    Guard(
        "orchestrator/scheduler/roster.py",
        "if record is not None and record.full:",
        "if record is not None:",
        "tests/scheduler/test_roster.py::test_a_full_brand_starts_as_soon_as_there_is_room",
    ),
    Guard(
        "orchestrator/scheduler/discovery.py",
        "OPERATOR_LOOK_S if awaited else HINTED_CLAIM_S",
        "HINTED_CLAIM_S",
        "tests/scheduler/test_scheduler.py::test_a_full_brand_goes_on_within_a_second_of_room",
    ),
    # the audit list: nothing is done that was not written down before
    Guard(
        "orchestrator/cli/failed_mend.py",
        "            _write_down(client, order, plans)\n",
        "",
        f"{_CLI}::test_nothing_is_done_that_cannot_be_written_down",
    ),
    Guard(
        "orchestrator/store/audit.py",
        'if kind not in {b"none", b"list"}:',
        'if kind == b"none":',
        "tests/store/test_audit.py",
    ),
    Guard(
        "orchestrator/store/audit.py",
        "            writing.ltrim(AUDIT_KEY, -MAX_ACTS, -1)\n",
        "",
        "tests/store/test_audit.py::test_the_list_is_bounded",
    ),
    Guard(
        "orchestrator/contract/acts.py",
        "if len(entry) > MAX_ENTRY_BYTES:",
        "if not entry:",
        "tests/contract/test_acts.py",
    ),
    Guard(
        "orchestrator/contract/acts.py",
        "len(made.entry()) <= MAX_ENTRY_BYTES",
        "made.entry()",
        "tests/contract/test_acts.py",
    ),
)
