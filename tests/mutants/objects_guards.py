"""The guards of an archive's objects: whole or not there, nothing foreign followed, the way as the chain says.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_PLACE: Final = "orchestrator/objects/place.py"
_FOLDER: Final = "orchestrator/objects/folder.py"
_BUCKET: Final = "orchestrator/objects/bucket.py"
_OBJECTS: Final = "orchestrator/objects/objects.py"
_BRAND: Final = "orchestrator/objects/brand_archive.py"
_WAY: Final = "orchestrator/objects/way.py"
_VERIFY: Final = "orchestrator/objects/verify.py"
_SURVEY: Final = "orchestrator/objects/survey.py"
_VERIFYING: Final = "orchestrator/service/verifying.py"
_NAME: Final = "tests/objects/test_objects.py::test_name_that_is_none_is_refused"
_LINKS: Final = "tests/objects/test_faults.py::test_links_and_pipes_are_not_followed"
_DISK: Final = "tests/objects/test_faults.py::test_object_is_on_the_disk_before_it_has_its_name"
_GOES: Final = "tests/objects/test_faults.py::test_folder_that_goes_while_an_object_is_put_is_made_again"
_CASE: Final = "tests/objects/test_faults.py::test_brand_that_would_have_the_folder_of_another_one_has_none"
_WHOLE: Final = "tests/objects/test_faults.py::test_object_is_whole_or_not_there"
_PASSING: Final = "tests/objects/test_faults.py::test_what_may_pass_is_tried_again_some_times"
_ALWAYS: Final = "        raise ArchiveUnavailableError(told) from None\n"
_REFUSED: Final = "tests/objects/test_faults.py::test_what_does_not_pass_is_told_at_once"
_BASES: Final = "tests/objects/test_way.py::test_way_begins_at_the_nearest_base"
_BROKEN: Final = "tests/objects/test_way.py::test_way_that_is_broken_is_refused"
_MOVED: Final = "tests/cli/test_archive.py::test_object_that_is_moved_meanwhile_is_looked_for_anew"
_STATELESS: Final = "tests/cli/test_archive.py::test_archive_of_what_redis_does_not_have_is_not_called_whole"
_NAMELESS: Final = "tests/cli/test_archive.py::test_folder_of_which_nobody_can_tell_whose_it_is_is_told"
_GAP: Final = "tests/objects/test_way.py::test_way_at_a_time_before_a_gap_leads_from_the_commits_before_it"
_REPLACED: Final = "tests/objects/test_way.py::test_commit_that_replaces_a_state_begins_at_its_base"

OBJECTS_GUARDS: Final = (
    # objects/place: which names are taken
    Guard(_PLACE, "        if not _PART.fullmatch(part):\n", "        if False:\n", _NAME),
    Guard(_PLACE, '        if part.startswith("."):\n', "        if False:\n", _NAME),
    Guard(_PLACE, "> MAX_NAME_BYTES:\n", "> 1 << 30:\n", _NAME),
    # objects/folder: whole or not there, nothing followed
    Guard(_FOLDER, "        file.flush()\n        os.fsync(opened)\n", "        file.flush()\n", _DISK),
    Guard(
        _FOLDER,
        "dst_dir_fd=folder)\n                os.fsync(folder)\n",
        "dst_dir_fd=folder)\n",
        _DISK,
    ),
    Guard(
        _FOLDER, "            with suppress(FileNotFoundError), self._folder", "            with self._folder", _GOES
    ),
    Guard(_FOLDER, "                _check_case(at, part, make=make)\n", "                pass\n", _CASE),
    Guard(_FOLDER, "    if not make:\n", "    if False:\n", _CASE),
    Guard(_FOLDER, "    if name in names or not os.path", "    if not os.path", _CASE),
    Guard(_FOLDER, "                    os.fsync(at)\n", "                    pass\n", _DISK),
    Guard(
        _FOLDER,
        "                with suppress(OSError):\n                    os.unlink(part, dir_fd=parts)\n",
        "                pass\n",
        _WHOLE,
    ),
    Guard(_FOLDER, "os.O_RDONLY | os.O_NOFOLLOW |", "os.O_RDONLY |", _LINKS),
    Guard(_FOLDER, "_FOLDER | os.O_NOFOLLOW, dir_fd=at", "_FOLDER, dir_fd=at", _LINKS),
    Guard(_FOLDER, "                if not stat.S_ISREG(found.st_mode):\n", "                if False:\n", _LINKS),
    Guard(
        _FOLDER,
        "                if found.st_size > max_bytes:\n",
        "                if False:\n",
        "tests/objects/test_faults.py::test_file_that_is_too_large_is_not_read",
    ),
    Guard(
        _FOLDER,
        ".st_mtime > _LEFT_S:",
        ".st_mtime > 0:",
        "tests/objects/test_faults.py::test_parts_of_a_writer_that_died_are_taken_away",
    ),
    # objects/bucket: bounded, what is refused is told, each process has its own connections
    Guard(
        _BUCKET,
        "        if len(data) > max_bytes:\n",
        "        if False:\n",
        "tests/objects/test_faults.py::test_object_that_is_too_large_is_not_held",
    ),
    Guard(
        _BUCKET,
        "                if not name.startswith(below):\n",
        "                if False:\n",
        "tests/objects/test_faults.py::test_what_a_server_lists_is_foreign",
    ),
    Guard(
        _BUCKET,
        'in answer.get("Errors") or ():',
        "in ():",
        "tests/objects/test_faults.py::test_object_that_was_not_removed_is_told",
    ),
    Guard(
        _BUCKET,
        "self._fs is None or self._opened_by != os.getpid():",
        "self._fs is None:",
        "tests/objects/test_faults.py::test_process_ends_without_a_word",
    ),
    Guard(
        _BUCKET,
        "ArchiveUnavailableError if code in _PASSING_CODES else ArchiveError",
        "ArchiveError",
        "tests/objects/test_faults.py::test_object_that_was_not_removed_for_a_passing_reason_is_removed_again",
    ),
    Guard(_BUCKET, "error.errno in _PASSING:", "False:", _PASSING),
    Guard(_BUCKET, "        raise _class_of(error)(told) from None\n", _ALWAYS, _REFUSED),
    # objects/objects: bounded, tried again as often as is said, from where a listing was
    Guard(_OBJECTS, "        if len(data) > MAX_BYTES:\n", "        if False:\n", "tests/objects/test_faults.py"),
    Guard(_OBJECTS, "if failures == ATTEMPTS or", "if failures == 1 or", _PASSING),
    Guard(
        _OBJECTS,
        "self._place.entries(folder, last)",
        'self._place.entries(folder, "")',
        "tests/objects/test_faults.py::test_listing_goes_on_behind_what_was_listed",
    ),
    Guard(_OBJECTS, "        for attempt in range(1, ATTEMPTS):\n", "        for attempt in ():\n", _PASSING),
    # objects/brand_archive: an object is what its name says
    Guard(
        _BRAND,
        "    if (one.previous, one.version) != (last, version):\n",
        "    if False:\n",
        "tests/objects/test_way.py::test_object_is_what_its_name_says",
    ),
    Guard(
        _BRAND,
        "    if last != ref.last:\n",
        "    if False:\n",
        "tests/objects/test_way.py::test_object_is_what_its_name_says",
    ),
    Guard(
        _BRAND,
        "        if told != (self.brand, ref.epoch, ref.version, ref.cid):\n",
        "        if False:\n",
        "tests/objects/test_way.py::test_object_is_what_its_name_says",
    ),
    Guard(
        _BRAND,
        "            if run[0].brand != self.brand:\n",
        "            if False:\n",
        "tests/objects/test_way.py::test_object_is_what_its_name_says",
    ),
    Guard(
        _BRAND,
        " or record.replaces or ",
        " or ",
        "tests/objects/test_way.py::test_commit_that_replaces_a_state_begins_at_its_base",
    ),
    Guard(
        _BRAND,
        " or utc_day(record.now_ms) != utc_day(run[-1].now_ms)\n",
        "\n",
        "tests/objects/test_way.py::test_way_leads_from_the_first_commit",
    ),
    # objects/way: no circle, no gap, the base that was asked for
    Guard(_WAY, "if ref is not None and version is not None and ref.version > version:", "if False:", _BROKEN),
    Guard(_WAY, "raise self._broken(want)\n            inner", "return\n            inner", _BROKEN),
    Guard(_WAY, "                    raise self._broken(want)\n", "                    return None\n", _BROKEN),
    Guard(_WAY, "if base is not None and self._no_later(base):", "if base is not None:", _GAP),
    Guard(_WAY, "ref.version <= base.version <= last}", "ref.version < base.version <= last}", _REPLACED),
    *(
        Guard(
            _WAY,
            "(found[0] if self.oldest else found[-1])",
            wrong,
            "tests/objects/test_way.py::test_of_several_bases_in_an_object_the_nearest_counts_or_the_oldest",
        )
        for wrong in ("found[0]", "found[-1]")
    ),
    Guard(
        _WAY, "            if link.cid == upto:\n                break\n        return (f", "        return (f", _BASES
    ),
    Guard(
        _WAY,
        " else found\n            if link.cid == upto:\n                break\n",
        " else found\n",
        "tests/objects/test_way.py::test_way_at_a_time_ends_before_what_redis_forgot",
    ),
    Guard(_WAY, "        self.best = None\n", "", _BASES),
    Guard(_WAY, "behind = not step.after", "behind = True", _BASES),
    Guard(
        _WAY,
        "                if self.best is not None:\n",
        "                if False:\n",
        "tests/objects/test_way.py::test_way_leads_as_far_back_as_the_archive_does",
    ),
    Guard(
        _WAY,
        "                if record.cid == step.upto:\n                    break\n",
        "",
        "tests/objects/test_way.py::test_way_leads_from_the_first_commit",
    ),
    Guard(_WAY, "return _Start(want, version, None)", "return _Start(cid, version, None)", _GAP),
    Guard(_WAY, "if since is not None and way.cid and way.base_ref is None:", "if False:", _BASES),
    # objects/verify, service/verifying: what is missing is told, and nobody is disturbed
    Guard(_VERIFY, "            if cid not in self.bases:\n", "            if False:\n", "tests/cli/test_archive.py"),
    *(
        Guard(_VERIFY, right, wrong, f"tests/cli/test_archive.py::{test}")
        for right, wrong, test in (
            (
                "        self._add(tail)\n        return cid",
                "        return cid",
                "test_what_waits_in_redis_is_taken_along",
            ),
            (
                "        if not self.found.begins and base is not None:\n            self.found.begins = want\n",
                "",
                "test_base_behind_a_gap_makes_the_state_again",
            ),
            (
                "        if base is None and not self.found.begins:\n            told",
                "        if False:\n            told",
                "test_what_waits_in_redis_is_taken_along",
            ),
            (
                "cids -= {link.cid for link in self.archive.links(other)}",
                "pass",
                "test_what_redis_forgot_is_told_and_no_fault",
            ),
            (
                "if name in self.used or not self.read_[name].sound:",
                "if name in self.used:",
                "test_what_is_damaged_beside_a_gap_is_told_with_it",
            ),
            (", Kind.NO_STATE}", "}", "test_archive_of_what_redis_does_not_have_is_not_called_whole"),
            (
                "Kind.DAMAGED if survey.objects or survey.bases else Kind.STRANGE",
                "Kind.STRANGE",
                "test_folder_of_which_nobody_can_tell_whose_it_is_is_told",
            ),
        )
    ),
    Guard(_VERIFY, "            if self.patient:\n", "            if False:\n", _MOVED),
    Guard(_VERIFYING, "        except ObjectMissingError:", "        except StaleStateError:", _MOVED),
    Guard(_VERIFY, "            if cids:\n", "            if True:\n", "tests/cli/test_archive.py"),
    Guard(
        _VERIFYING,
        "        if live_commit(client, brand)[0] == snapshot.cid:\n",
        "        if True:\n",
        "tests/cli/test_archive.py::test_summary_is_of_the_same_moment",
    ),
    Guard(
        _VERIFYING,
        "            if record.replaces:\n",
        "            if False:\n",
        "tests/cli/test_archive.py::test_state_that_was_put_in_place_begins_at_its_base",
    ),
    Guard(_VERIFY, "            if cid:\n", "            if True:\n", _STATELESS),
    Guard(
        _VERIFY,
        "            if check.patient:\n",
        "            if True:\n",
        "tests/cli/test_archive.py::test_archive_whose_objects_are_always_moved_is_not_called_whole",
    ),
    Guard(
        _VERIFY,
        "inside = one.sound and ",
        "inside = ",
        "tests/cli/test_archive.py::test_what_is_damaged_beside_a_gap_is_told_with_it",
    ),
    Guard(
        _VERIFY,
        "            if one.sound and ref.version + upto - 1 != version:\n",
        "            if False:\n",
        "tests/objects/test_verify.py::test_commits_whose_numbers_are_not_one_behind_the_other_are_told",
    ),
    Guard(
        _VERIFY,
        "self.found.begins = self._base_behind(version)",
        "pass",
        "tests/cli/test_archive_tend.py::test_old_days_go",
    ),
    *(
        Guard(
            _VERIFY,
            right,
            wrong,
            "tests/objects/test_verify.py::test_what_redis_forgot_in_the_middle_of_an_object_counts_for_nothing",
        )
        for right, wrong in (
            ("            self.used[ref.name] = upto\n", "            self.used[ref.name] = one.records\n"),
            ("            if one.records == most:\n                return\n", ""),
            (
                "inside and self.read_[name].sound and any(link.cid == base.cid for link in self.archive.links(ref)):",
                "inside:",
            ),
        )
    ),
    Guard(
        _VERIFY,
        "ref.version, self.read_[ref.name].sound)",
        "ref.version)",
        "tests/objects/test_verify.py::test_of_two_that_begin_alike_the_chain_goes_on_with_what_can_be_read",
    ),
    Guard(
        _VERIFY,
        "if ref.name not in self.used and ref.version <= version]",
        "if ref.name not in self.used]",
        "tests/objects/test_verify.py::test_behind_a_gap_the_chain_goes_on_with_what_is_older",
    ),
    *(
        Guard(_VERIFYING, right, wrong, f"tests/cli/{test}")
        for right, wrong, test in (
            (
                "    if refold.cid != live.cid:\n",
                "    if False:\n",
                "test_archive.py::test_way_that_ends_elsewhere_is_none",
            ),
            (
                "        if self.found.until:\n            return\n",
                "",
                "test_archive.py::test_where_only_states_differ_the_bases_between_tell",
            ),
            ("[: MAX_PARTINGS - len(self.found.partings)]", "", "test_archive.py::test_partings_are_bounded"),
            (
                " and self.summary is not False",
                "",
                "test_archive.py::test_summary_that_is_another_one_is_told",
            ),
            (
                '        found.since = found.until = ""\n',
                "        pass\n",
                "test_archive.py::test_state_is_what_the_archive_makes_of_it",
            ),
            (
                "None if ours is None or summary is None else",
                "None if summary is None else",
                "test_archive_tend.py::test_quiet_brand_has_a_base_put",
            ),
        )
    ),
    Guard(
        _VERIFYING,
        """    live, summary = _live(client, settings, archive.brand)
    if not live.cid:
        raise ArchiveError(f"brand {archive.brand!r} has no state: nothing was committed yet")
    tail = tail_to(live.cid, waiting_records(client, archive.brand))
""",
        """    waiting = waiting_records(client, archive.brand)
    live, summary = _live(client, settings, archive.brand)
    tail = tail_to(live.cid, waiting)
""",
        "tests/cli/test_archive.py::test_commit_that_comes_just_before_the_look_is_found",
    ),
    Guard("orchestrator/cli/archive.py", "if one.nameless and one.folder not in theirs", "if False", _NAMELESS),
    Guard("orchestrator/cli/archive.py", " and one.folder not in theirs", "", _NAMELESS),
    Guard(_SURVEY, 'return brand if _is_of(brand, folder) else ""', "return brand", "tests/objects/test_survey.py"),
    Guard(
        _BUCKET,
        "            if after == last:\n",
        "            if after == last:\n                return\n",
        "tests/objects/test_faults.py::test_listing_that_says_nothing_of_use_is_an_error",
    ),
    Guard(
        _SURVEY,
        "    except ArchiveUnavailableError:  # that",
        "    except ArithmeticError:  # that",
        "tests/objects/test_survey.py::test_archive_that_is_away_is_no_brand_of_nobodys",
    ),
    # a close while calls of others are in flight
    *(
        Guard(file, text, instead, f"tests/objects/test_faults.py::{test}")
        for file, text, instead, test in (
            (_BUCKET, "            let_go(loop)\n", "", "test_call_that_is_let_go_has_not_gone_well"),
            (
                _BUCKET,
                "    loop.run_until_complete(asyncio.sleep(0))",
                "    pass",
                "test_call_that_was_handed_over_and_not_begun_is_let_go",
            ),
            (
                _BUCKET,
                "        call.cancel()\n",
                "        pass\n",
                "test_call_that_was_handed_over_and_not_begun_is_let_go",
            ),
            (_BUCKET, "    if calls:\n", "    if True:\n", "test_call_that_was_handed_over_and_not_begun_is_let_go"),
            (_BUCKET, "if self._fs is not fs:", "if False:", "test_call_that_is_let_go_has_not_gone_well"),
            (
                _OBJECTS,
                "        return self._closings == closings\n",
                "        return True\n",
                "test_call_between_two_attempts_at_the_close_is_not_tried_again",
            ),
            (
                _OBJECTS,
                " or not self._paused(failures, closings)",
                "",
                "test_call_that_is_in_flight_at_the_close_ends_with_an_error",
            ),
        )
    ),
)
