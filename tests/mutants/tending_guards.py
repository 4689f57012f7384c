"""The guards of who tends an archive: closed days alone, archived commits alone, and nobody else at work there.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_TENDING: Final = "orchestrator/service/tending.py"
_ARCHIVED: Final = "orchestrator/store/archived.py"
_TENDER: Final = "orchestrator/service/tender.py"
_RETENTION: Final = "orchestrator/objects/retention.py"
_FOLDER: Final = "orchestrator/objects/folder.py"
_WAITS: Final = "tests/service/test_tending.py::test_commit_whose_record_waits_is_not_taken_for_archived"
_OWNER: Final = "tests/objects/test_faults.py::test_archive_is_for_its_owner_alone"
_RIGHT: Final = "orchestrator/service/right.py"
_PURGING: Final = "orchestrator/service/purging.py"
_GIVEN_BACK: Final = "tests/service/test_purging.py::test_right_is_given_back_whatever_happens"
_LOG: Final = "tests/service/test_tender.py::test_what_came_of_it_is_in_the_log"

TENDING_GUARDS: Final = (
    # service/tending, store/archived: the state's commit is read before what waits, and what waits is not archived
    Guard(_TENDING, "return decode(head).previous if head else", "return", _WAITS),
    Guard(_ARCHIVED, "if oldest is None else decode(oldest).previous", 'or ""', _WAITS),
    Guard(
        _TENDING,
        'runner.run([("HGET", keys.meta, "cid"), ("LINDEX", keys.records, 0)])',
        'runner.run([("LINDEX", keys.records, 0), ("HGET", keys.meta, "cid")])[::-1]',
        _WAITS,
    ),
    Guard(
        _ARCHIVED,
        "ScriptRunner(client).run(commands)",
        "(lambda found: found[2:] + found[:2])(ScriptRunner(client).run(commands[2:] + commands[:2]))",
        _WAITS,
    ),
    Guard(
        _TENDING,
        "fence=partial(the_right, client, archive.brand, wait_s=_FENCE_WAIT_S)",
        "",
        "tests/service/test_tending.py::test_nothing_becomes_parquet_while_somebody_has_the_right",
    ),
    Guard(
        _TENDING,
        "REST_DAYS: Final = 1\n",
        "REST_DAYS: Final = 0\n",
        "tests/service/test_tending.py::test_yesterday_stays_as_lines",
    ),
    Guard(
        _TENDING,
        "day < before and (planned",
        "(planned",
        "tests/cli/test_archive_tend.py::test_closed_days_become_parquet",
    ),
    Guard(
        _TENDING,
        "if planned.needs_base and _put_base(client, settings, archive):",
        "if False:",
        "tests/cli/test_archive_tend.py::test_quiet_brand_has_a_base_put",
    ),
    # service/right, service/purging: one at a time has it, nobody keeps it, and it is had while objects go
    Guard(_RIGHT, "            consumed.leave(brand, token)\n", "            pass\n", _GIVEN_BACK),
    Guard(_RIGHT, "        with suppress(StoreError):\n", "        if True:\n", _GIVEN_BACK),
    Guard(
        _RIGHT,
        "            sleep(_LOOK_S)\n",
        "            sleep(_LOOK_S)\n            break\n",
        "tests/service/test_purging.py::test_who_is_putting_is_waited_for",
    ),
    Guard(
        _PURGING,
        "    with the_right(client, brand, wait_s=wait_s, sleep=sleep) as again:\n",
        "    again = True\n    if True:\n",
        "tests/service/test_purging.py::test_nobody_gets_the_right_while_objects_go",
    ),
    # service/tender: a round has an end, and what it says is cut
    Guard(
        _TENDER,
        "            with trio.fail_after(LONGEST_S):",
        "            if True:",
        "tests/service/test_tender.py::test_round_has_an_end",
    ),
    Guard(_TENDER, "printable(mask_text(reason))[:_REASON_CHARS]", "printable(mask_text(reason))", _LOG),
    Guard(
        _TENDER,
        '{"REDIS_URL": embedded_url} if embedded_url else {}',
        "{}",
        "tests/service/test_tender.py::test_days_are_tended",
    ),
    *(
        Guard(_TENDER, right, wrong, f"tests/service/test_tender.py::{test}")
        for right, wrong, test in (
            ("if member.version == __version__]", "]", "test_the_first_of_those_that_live_tends"),
            ("bool(names) and min(names)", "min(names)", "test_the_first_of_those_that_live_tends"),
            (
                "        except StoreError:\n            return False",
                "        except StoreError:\n            return True",
                "test_redis_that_is_away_is_nobodys_turn",
            ),
            ("        compacts = False\n", "        pass\n", "test_nothing_is_tended_where_nothing_is_to_do"),
            ("mask_text(reason)", "reason", "test_what_came_of_it_is_in_the_log"),
        )
    ),
    # objects/retention: of a life before, whatever its versions
    Guard(
        _RETENTION,
        "(one.epoch, one.version) < (begins.epoch, begins.version)",
        "one.version < begins.version",
        "tests/objects/test_retention.py::test_days_go_up_to_the_base_of_the_first_kept_one",
    ),
    # objects/folder: for its owner alone, and what is removed stays away
    Guard(_FOLDER, "exist_ok=True, mode=0o700)", "exist_ok=True, mode=0o755)", _OWNER),
    Guard(_FOLDER, "os.mkdir(part, 0o700, dir_fd=at)", "os.mkdir(part, 0o755, dir_fd=at)", _OWNER),
    Guard(_FOLDER, "os.O_CLOEXEC, 0o600, dir_fd=folder)", "os.O_CLOEXEC, 0o644, dir_fd=folder)", _OWNER),
    Guard(
        _FOLDER,
        "if each[1] is None or in_order(each[0]) > behind]",
        "]",
        "tests/objects/test_faults.py::test_listing_begins_behind_a_name",
    ),
    Guard(
        _FOLDER,
        "os.unlink(parts[-1], dir_fd=folder)\n                    os.fsync(folder)\n",
        "os.unlink(parts[-1], dir_fd=folder)\n",
        "tests/objects/test_faults.py::test_object_is_on_the_disk_before_it_has_its_name",
    ),
    # service/right: it outlives a put at a bucket that hangs, and ends with it
    *(
        Guard("orchestrator/service/right.py", right, wrong, "tests/service/test_right.py")
        for right, wrong in (
            (
                "                with _kept(lambda: consumed.hold(brand, token, _HOLD_S)):\n",
                "                if True:\n",
            ),
            ("KEEP_S: Final = _HOLD_S / 6", "KEEP_S: Final = _HOLD_S"),
            ("        with suppress(StoreError):  # it lasts", "        if True:  # it lasts"),
            ("            if not hold():\n", "            if hold() is None:\n"),
        )
    ),
)
