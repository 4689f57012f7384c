"""The guards against what is stored and is not what was committed.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_DUE = "test_claim_names_quiet_brands_once_their_refresh_is_due"
_READY = "test_claim_names_brands_with_work_and_without_lock"
_TYPES = "test_claim_names_brands_with_keys_of_a_foreign_type"
_COUNTS = "test_claim_counts_the_queues_of_all_brands"
_SHORTENED = "test_a_lock_that_outlives_its_ttl_is_shortened"
_LONGER = "test_a_lock_of_a_longer_ttl_is_left_alone"
_ODD = "test_a_token_that_tells_an_odd_ttl_holds_no_brand_for_long"

DAMAGE_GUARDS: Final = (
    # store/codes, store: what was damaged need not be text, and parks
    Guard(
        "orchestrator/store/codes.py",
        'reply[1].decode(errors="backslashreplace") if',
        "reply[1].decode() if",
        "tests/store/test_damage.py::test_a_cid_that_is_no_text_is_another_one",
    ),
    Guard(
        "orchestrator/store/codes.py",
        'left.decode(errors="backslashreplace")',
        "left.decode()",
        "tests/store/test_damage.py::test_commit_on_top_of_a_damaged_size_is_stale",
    ),
    Guard(
        "orchestrator/store/codes.py",
        "if code is Code.STALE and len(reply) > 2:",
        "if False:",
        "tests/store/test_damage.py::test_commit_on_top_of_a_key_of_another_size_is_stale",
    ),
    Guard(
        "orchestrator/store/peeks.py",
        'cid.decode(errors="backslashreplace")',
        "cid.decode()",
        "tests/store/test_damage.py::test_a_cid_that_is_no_text_is_another_one",
    ),
    # store/lua: what the mutants of the scripts cannot take away as a statement
    Guard(
        "orchestrator/store/lua/claim.lua",
        " or (due_ms and not due_ms:find('^%d+$'))",
        "",
        "tests/store/test_damage.py::test_claim_names_a_brand_whose_due_is_damaged",
    ),
    Guard(
        "orchestrator/store/lua/claim.lua",
        "free and queued or -queued",
        "queued",
        "tests/store/test_store.py::test_claim_names_brands_with_work_and_without_lock",
    ),
    *(
        Guard("orchestrator/store/lua/claim.lua", right, wrong, f"tests/store/{test}")
        for right, wrong, test in (
            ("return due_ms > 0 and due_ms <= now_ms", "return due_ms > 0", f"test_store.py::{_DUE}"),
            ("return due_ms > 0 and due_ms <= now_ms", "return due_ms <= now_ms", f"test_store.py::{_READY}"),
            (
                "if type(due_ms) == 'table' or (due_ms",
                "if (type(due_ms) ~= 'table' and due_ms",
                f"test_store.py::{_TYPES}",
            ),
            ("free and queued or -queued", "-queued", f"test_store.py::{_READY}"),
            ("if type(queued) == 'number' and queued > 0", "if type(queued) == 'number'", f"test_store.py::{_COUNTS}"),
            ("type(version) == 'string' and version or ''", "version or ''", f"test_store.py::{_COUNTS}"),
            ("(type(queued) == 'table' or due(meta))", "due(meta)", f"test_store.py::{_TYPES}"),
            ("elseif free and (", "elseif (", f"test_store.py::{_DUE}"),
            ("left_ms == -1 or left_ms > lock_ttl_ms", "left_ms > lock_ttl_ms", f"test_clock.py::{_SHORTENED}"),
            ("left_ms == -1 or left_ms > lock_ttl_ms", "left_ms == -1", f"test_clock.py::{_SHORTENED}"),
            (" or type(holder) == 'table'", "", "test_clock.py::test_claim_leaves_a_lock_of_a_foreign_type_to_acquire"),
            ("(left_ms < 0 or left_ms > most_ms(holder))", "true", f"test_clock.py::{_LONGER}"),
            ("PEXPIRE', lock, most_ms(holder))", "PEXPIRE', lock, lock_ttl_ms)", f"test_clock.py::{_LONGER}"),
            ("math.min(tonumber(holder:match(':(%d+)$') or 0), most_told_ms)", "0", f"test_clock.py::{_LONGER}"),
            ("math.min(tonumber(", "(tonumber(", f"test_clock.py::{_ODD}"),
            ("math.max(lock_ttl_ms, math.min", "(math.min", f"test_clock.py::{_ODD}"),
        )
    ),
    *(
        Guard("orchestrator/store/lua/acquire.lua", right, wrong, f"tests/store/test_clock.py::{test}")
        for right, wrong, test in (
            ("math.max(lock_ttl_ms, told_ms)", "lock_ttl_ms", _LONGER),
            ("math.max(lock_ttl_ms, told_ms)", "told_ms", _ODD),
            ("or 0), most_told_ms)", "or 0), 1 / 0)", _ODD),
            ("'PEXPIRE', lock, most_ms", "'PEXPIRE', lock, lock_ttl_ms", _LONGER),
        )
    ),
    Guard(
        "orchestrator/store/store.py",
        "new_token(holder, self._lock_ttl_ms)",
        "new_token(holder)",
        f"tests/store/test_clock.py::{_LONGER}",
    ),
    Guard(
        "orchestrator/store/lua/commit.lua",
        "{ 'DUP', tonumber(version), ",
        "{ 'DUP', tonumber(old_version), ",
        "tests/store/test_damage.py::test_a_duplicate_is_answered_even_if_the_version_was_damaged",
    ),
    Guard(
        "orchestrator/store/lua/acquire.lua",
        "#value > 15 or ",
        "",
        "tests/store/test_damage.py::test_acquire_refuses_what_is_no_number_of_ours",
    ),
    Guard(
        "orchestrator/store/lua/acquire.lua",
        "#cid > 64 or ",
        "",
        "tests/store/test_damage.py::test_acquire_refuses_what_is_no_cid",
    ),
    *(
        Guard(
            "orchestrator/store/lua/acquire.lua",
            f", '{name}'",
            "",
            "tests/store/test_damage.py::test_acquire_refuses_what_is_no_number_of_ours",
        )
        for name in ("version", "attempts", "due", "seen_since")
    ),
    # brand/seals, brand/state: what a field says counts only where it was put
    Guard(
        "orchestrator/brand/seals.py",
        "crc32(value, crc32(name)) == _SEALED",
        "crc32(value) == _SEALED",
        "tests/brand/test_seals.py::test_a_value_under_another_name_is_noticed",
    ),
    Guard(
        "orchestrator/brand/seals.py",
        "len(value) >= SEAL_BYTES and ",
        "not value or ",
        "tests/brand/test_seals.py::test_what_is_too_short_for_a_seal_has_none",
    ),
    Guard(
        "orchestrator/brand/seals.py",
        "elif name.startswith(bare):",
        "elif True:",
        "tests/brand/test_seals.py::test_only_bare_fields_may_be_without_a_seal",
        "tests/faults/test_corruption.py::test_no_corruption_of_a_field_loads_with_other_totals",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        seal_all(put)\n",
        "",
        "tests/brand/test_state.py::test_load_refuses_two_fields_that_changed_places",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "return unseal_all(fields, bare=IDS_PREFIX), True",
        'return unseal_all(fields, bare=b""), True',
        "tests/brand/test_state.py::test_load_refuses_two_fields_that_changed_places",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "return unseal_all(fields, bare=IDS_PREFIX), True",
        "return unseal_all(fields, bare=GENERAL_FIELD), True",
        "tests/brand/test_state.py::test_a_state_without_seals_is_written_anew",
    ),
    Guard(
        "orchestrator/brand/state.py",
        " or not sealed:",
        ":",
        "tests/brand/test_state.py::test_a_state_without_seals_is_written_anew",
    ),
    Guard(
        "orchestrator/brand/state.py",
        '                state.summary("", 0, 0, 0)\n',
        "                pass\n",
        "tests/brand/test_state.py::test_load_says_what_it_or_a_summary_would_raise",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "except (ArithmeticError, LookupError, TypeError, ValueError) as error:",
        "except LookupError as error:",
        "tests/brand/test_state.py::test_load_says_what_it_or_a_summary_would_raise",
    ),
    Guard(
        "orchestrator/brand/state.py",
        "except (ArithmeticError, LookupError, TypeError, ValueError) as error:",
        "except Exception as error:",
        "tests/brand/test_state.py::test_load_lets_what_is_no_damage_out",
    ),
    # service/repair: what is lost is not accepted by the way, and a dry run is dry
    Guard(
        "orchestrator/service/repair.py",
        "            if not accept_loss:\n                raise\n",
        "",
        "tests/cli/test_repair.py::test_repair_accepts_a_loss_only_if_it_is_told_to",
    ),
    Guard(
        "orchestrator/service/repair.py",
        "        if dry_run:\n            return None, done",
        "        if False:\n            return None, done",
        "tests/cli/test_repair.py::test_repair_begins_damaged_numbers_anew",
    ),
    Guard(
        "orchestrator/store/lua/forget.lua",
        "'cid', cid, 'due', 1)",
        "'cid', cid)",
        "tests/cli/test_repair.py::test_repair_begins_damaged_numbers_anew",
        "tests/cli/test_repair.py::test_repair_accepts_a_loss_only_if_it_is_told_to",
    ),
    Guard(
        "orchestrator/store/lua/forget.lua",
        "'cid', cid, 'due'",
        "'due'",
        "tests/lane/test_session_damage.py::test_session_goes_on_from_what_is_there_after_a_loss_was_accepted",
    ),
    Guard(
        "orchestrator/store/lua/forget.lua",
        "if ARGV[index] ~= 'cid' and ARGV[index] ~= 'due' then",
        "if true then",
        "tests/store/test_damage.py::test_forget_names_the_last_commit_anew",
    ),
    # store/damage: who only wants to know sees no damage where a commit came between
    Guard(
        "orchestrator/store/damage.py",
        " if again.get(brand) == damage}",
        "}",
        "tests/store/test_damage.py::test_damages_does_not_take_a_commit_for_damage",
    ),
    # ... and is told the remedy that helps with it: repair alone mends no lost key
    Guard(
        "orchestrator/store/damage.py",
        "Damage(Code.SIZE, ",
        "Damage(Code.META, ",
        "tests/cli/test_doctor.py::test_doctor_names_a_brand_whose_keys_are_damaged",
        "tests/store/test_damage.py::test_damages_and_acquire_go_by_one_rule",
    ),
    # those who only list brands are not ended by one that is damaged
    Guard(
        "orchestrator/store/state_formats.py",
        " and len(reply) <= MOST_DIGITS\n",
        "\n",
        "tests/store/test_state_formats.py::test_state_formats_are_those_of_the_brands_that_have_a_state",
    ),
)
