"""The guards of what an archive's names say, and of what is read by them: nothing foreign, nothing twice, all told.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_BRAND: Final = "orchestrator/objects/brand_archive.py"
_SURVEY: Final = "orchestrator/objects/survey.py"
_NAMES: Final = "orchestrator/objects/names.py"
_VERIFYING: Final = "orchestrator/service/verifying.py"
_STRANGE: Final = "test_what_is_none_of_an_archives_is_told_once"
_BEHIND: Final = "test_records_of_an_object_are_one_behind_the_other"
_SAID: Final = "test_base_is_all_that_its_name_says"
_FEW: Final = "test_names_are_told_by_folders_where_they_can_be"
_COUNTED: Final = "test_objects_and_bases_are_counted_whatever_their_days"
_NOBODYS: Final = "test_object_that_does_not_tell_whose_it_is_is_nobodys"
_LESS_OBJECT: Final = "test_name_that_says_less_is_no_object"
_LESS_BASE: Final = "test_name_that_says_less_is_no_base"
_ODD: Final = "test_what_is_odd_is_none_whatever_its_name"
_DAY: Final = "test_folder_of_a_day_is_written_in_one_way"
_SHELL: Final = "test_shell_with_other_settings_changes_nothing_about_the_brand"
_OTHER_SUMMARY: Final = "test_summary_that_is_another_one_is_told"
_NOBODY: Final = "test_what_nobody_committed_differs_since_the_last_base_before"
_SILENT: Final = "test_nothing_that_waits_is_nothing_said"
_SUMMED: Final = "test_what_waits_of_many_brands_is_said_in_a_line"
_BY_NAME: Final = "test_differences_are_told_by_the_names_of_the_summary_and_of_fields"
_ABSENT: Final = "test_what_only_one_has_is_absent_in_the_other"
_KNOWN: Final = "test_chunks_are_known_by_their_digests_in_either_generation"
_OURS: Final = "key)\n        for name in one"
_MINE: Final = "dict):\n        for name in one"
_PARTS: Final = "test_parts_of_a_writer_that_died_are_taken_away"
_MOUNTED: Final = "test_what_a_mounted_folder_says_is_tried_again_or_told"
_OPEN: Final = "test_no_descriptor_stays_open"
_ROUND: Final = "test_round_in_background_tells_what_came_of_it"
_AWAY: Final = "test_round_ends_where_archive_or_redis_is_away"
_LAST: Final = "test_state_that_was_put_in_place_last_is_its_base"

NAMES_GUARDS: Final = (
    # objects/brand_archive: nothing foreign gets in, and what lies there all the same is told once, by its place
    *(
        Guard(_BRAND, right, wrong, f"tests/objects/test_brand_archive.py::{test}")
        for right, wrong, test in (
            (
                "        if snapshot.brand != self.brand:\n",
                "        if False:\n",
                "test_state_of_another_brand_is_no_base",
            ),
            ("record.previous != run[-1].cid or ", "", "test_records_that_do_not_stand_on_each_other_are_no_run"),
            (" and told not in self.strange:", ":", _STRANGE),
            ("told not in self.strange:", "entry not in self.strange:", _STRANGE),
            ("len(self.strange) < _MAX_STRANGE and ", "", _STRANGE),
            ('odd=entry.odd or "', 'odd="', _STRANGE),
            ("elif folder not in {BASES, REBUILT}:", "elif folder not in {BASES}:", _STRANGE),
            ("elif folder not in {BASES, REBUILT}:", "elif False:", _STRANGE),
            ("(one.previous, one.version) != (last, version)", "one.previous != last", _BEHIND),
            ("(one.previous, one.version) != (last, version)", "one.version != version", _BEHIND),
            ("told != (self.brand, ref.epoch,", "told != (snapshot.brand, ref.epoch,", _SAID),
            ("!= (self.brand, ref.epoch, ref", "!= (self.brand, snapshot.epoch, ref", _SAID),
            ("ref.epoch, ref.version, ref.cid)", "ref.epoch, snapshot.version, ref.cid)", _SAID),
            ("ref.version, ref.cid):", "ref.version, snapshot.cid):", _SAID),
            (
                "        except ArchiveError as error:\n",
                "        except ArithmeticError as error:\n",
                "test_object_that_cannot_be_read_is_named",
            ),
            (
                "            yield one\n    except ArchiveError as error:\n",
                "            yield one\n    except ArithmeticError as error:\n",
                "test_object_that_cannot_be_read_is_named",
            ),
        )
    ),
    # objects/survey: whose a folder is, and how much of it, in few looks
    *(
        Guard(_SURVEY, right, wrong, f"tests/objects/test_survey.py::{test}")
        for right, wrong, test in (
            ("BRAND) and not oddity(folder):\n            y", "BRAND):\n            y", _FEW),
            ("        if folder.startswith(BRAND) and not oddity(folder):\n", "        if not oddity(folder):\n", _FEW),
            ("if folder.startswith(BRAND) and not oddity(folder)]", "if folder.startswith(BRAND)]", _FEW),
            ("if folder.startswith(BRAND) and not oddity(folder)]", "if not oddity(folder)]", _FEW),
            ("strict=True) if name != folder]", "strict=True)]", _FEW),
            ("(_told_by(folder) or _survey", "(_survey", _FEW),
            ("min(self.first or ref, ref, key=_place)", "self.first or ref", _COUNTED),
            ("max(self.last or ref, ref, key=_place)", "ref", _COUNTED),
            ("return ref.epoch, ref.version", "return 0, ref.version", _COUNTED),
            ("found.days += ref.day != day", "found.days += 1", _COUNTED),
            ("            found.bytes += entry.size\n", "", _COUNTED),
            ('startswith(f"{folder}/{REBUILT}/")', 'startswith(f"{folder}/{REBUILT}")', "test_days_are_counted"),
            ('entry.name.startswith(f"{folder}/{REBUILT}/")', "False", "test_days_are_counted"),
            ("    found.name = brand\n", "", "test_brand_of_which_nothing_is_there_has_its_name"),
            ("base = base or entry.name", 'base = ""', "test_long_name_is_told_by_a_base_alone"),
            (' if len(head) <= MAX_HEAD_BYTES else ""', "", _NOBODYS),
            ("return brand if _is_of(brand, folder) else folder", "return brand", "test_days_are_counted"),
            ("except (ArchiveError, ValueError, ", "except (ValueError, ", _NOBODYS),
            ("ArchiveError, ValueError, KeyError,", "ArchiveError, KeyError,", _NOBODYS),
            ("ValueError, KeyError, TypeError,", "ValueError, TypeError,", _NOBODYS),
            ("KeyError, TypeError, RecursionError)", "KeyError, RecursionError)", _NOBODYS),
            ("TypeError, RecursionError)", "TypeError)", _NOBODYS),
            ("except UnicodeEncodeError:", "except ArithmeticError:", _NOBODYS),
        )
    ),
    # objects/names: a name says all, in one way
    *(
        Guard(_NAMES, right, wrong, f"tests/objects/test_names.py::{test}")
        for right, wrong, test in (
            ("{{12,16}})-({_CID})?-", "{{12}})-({_CID})?-", "test_object_says_where_it_stands"),
            ("({_CID})?-(", "({_CID})-(", "test_object_says_where_it_stands"),
            ('parquet)", re.ASCII)', 'parquet)")', _LESS_OBJECT),
            ("{1,64}", "{1,}", _LESS_OBJECT),
            ("_OBJECT.fullmatch(last)", "_OBJECT.match(last)", _LESS_OBJECT),
            (" or not day:", ":", _LESS_OBJECT),
            ('state", re.ASCII)', 'state")', _LESS_BASE),
            ("_BASE.fullmatch(entry", "_BASE.match(entry", _LESS_BASE),
            ("if entry.odd or found is None or", "if found is None or", _ODD),
            ("if entry.odd or found is None:", "if found is None:", _ODD),
            ("    if not _BASE.fullmatch(name):", "    if False:", "test_state_of_no_commit_has_no_name"),
            ("if folder.startswith(DAY) and date", "if date", _DAY),
            (" and date.fromisoformat(day).isoformat() == day else", " and date.fromisoformat(day) else", _DAY),
            ("    except ValueError:", "    except ArithmeticError:", _DAY),
        )
    ),
    # service/verifying: a base is what its commit left; since when, from which key, and how often it is looked at
    *(
        Guard(_VERIFYING, right, wrong, f"tests/cli/test_archive.py::{test}")
        for right, wrong, test in (
            ("                self.base = None\n", "", "test_base_behind_a_gap_makes_the_state_again"),
            ("self.base or self.refold.snapshot()", "self.refold.snapshot()", _LAST),
            ("not self.partings and not self", "not self", "test_first_chunk_at_which_they_part_is_told"),
            ("and not self.differences and", "and", "test_base_of_the_last_commit_is_compared"),
            ("    except ValueError:\n", "    except ArithmeticError:\n", "test_damaged_meta_is_told"),
            ("    if not live.cid:\n", "    if False:\n", "test_no_archive_is_a_sentence"),
            ("    elif not found.until:\n", "    else:\n", "test_where_only_states_differ_the_bases_between_tell"),
            (
                "    elif not found.until:\n        found.until = live.cid\n",
                "",
                "test_base_of_the_last_commit_is_compared",
            ),
            ("None if ours is None or summary is None else", "None if ours is None else", _OTHER_SUMMARY),
            ("if base is not None and record.cid != self.live.cid:", "if base is not None:", _NOBODY),
            ("self.found.since, self.base = base.cid, base", "self.base = base", _NOBODY),
            ("trend=dict(base.trend))", "trend={})", "test_days_that_only_a_base_has_any_more_go_along"),
            (
                "self.live.stored.fields).hashing.key",
                'self.live.stored.fields).hashing.key[:0] or b"k" * 16',
                "test_key_of_mention_ids_is_that_of_the_live_state",
            ),
            (
                "            self.told(len(record.items))\n",
                "",
                "test_key_of_mention_ids_is_that_of_the_live_state",
            ),
            ("range(_ATTEMPTS - 1)", "range(1)", "test_archive_whose_objects_always_go_is_given_up"),
            ("range(_ATTEMPTS - 1)", "range(_ATTEMPTS)", "test_archive_whose_objects_always_go_is_given_up"),
        )
    ),
    # service/as_committed: those of the last commit, as far as they can be read
    *(
        Guard("orchestrator/service/as_committed.py", right, wrong, f"tests/service/test_swap.py::{_SHELL}")
        for right, wrong in (
            ("None if settings.settings_adopt else stored", "stored"),
            (" if name in own_settings.OWN}", "}"),
            ("(ValueError, OwnSettingError)", "OwnSettingError"),
            ("(ValueError, OwnSettingError)", "ValueError"),
            (".values\n", ".effective\n"),
        )
    ),
    Guard(
        "orchestrator/service/past.py",
        "            keep_base(client,",
        "            (client,",
        "tests/service/test_past.py::test_a_past_is_folded_as_of_its_times_and_written_once",
    ),
    # store/unarchived: what waits has an age, and what does not is not said
    *(
        Guard("orchestrator/store/unarchived.py", right, wrong, f"tests/store/test_unarchived.py::{test}")
        for right, wrong, test in (
            (" if waiting.bytes}", "}", _SILENT),
            ("(-one[1], one[0])", "-one[1]", _SUMMED),
            ("[:_NAMED]", "", _SUMMED),
            ("size >= outbox_bytes", "size > outbox_bytes", _SUMMED),
            ("for brand in sizes), default=0", "for brand in found), default=0", _SUMMED),
            ("if brand not in found)", "if False)", _SUMMED),
            ("sorted(found.items()) if waiting.gaps", "found.items() if waiting.gaps", _SUMMED),
            (" if waiting.gaps), None)", "), None)", _SILENT),
            (" if self.brands else 0.0", "", _SILENT),
            ("brands[start : start + MAX_SWEEP]", "brands[start:]", _SILENT),
            (
                "max(0.001, (now_ms - self.oldest_ms) / 1000)",
                "(now_ms - self.oldest_ms) / 1000",
                "test_what_waits_has_an_age_though_clocks_differ",
            ),
        )
    ),
    # archive/compare: by names, from both sides, and whatever a field is called
    *(
        Guard("orchestrator/archive/compare.py", right, wrong, f"tests/archive/test_compare.py::{test}")
        for right, wrong, test in (
            ("member.get(key, place)", "place", _BY_NAME),
            ("    except ValueError:\n", "    except ArithmeticError:\n", _BY_NAME),
            ("    if key := _KEYED.get(path):\n", "    if (key := _KEYED.get(path)) and False:\n", _BY_NAME),
            ("key)\n        for name in [*one, *(name for name in other if name not in one)]", _OURS, _ABSENT),
            ("dict):\n        for name in [*one, *(name for name in other if name not in one)]", _MINE, _ABSENT),
            ("ABSENT if value is None else f", "f", _ABSENT),
            ("text if len(text) <= _MAX_CHARS else", "text if text else", _ABSENT),
            ("one.keys() | other.keys()", "one.keys() & other.keys()", _ABSENT),
            ("digests.younger, snapshot.stored.digests.older)", "digests.younger,)", _KNOWN),
            ("len(data) - ENTRY_BYTES + 1", "len(data)", _KNOWN),
            ("[place : place + _DIGEST_BYTES]", "[place : place + ENTRY_BYTES]", _KNOWN),
            (
                "(numbered(snapshot.stored.fields, dict.fromkeys(SEGMENTS, 0)) for",
                "(snapshot.stored.fields for",
                "test_segments_have_other_numbers_where_a_state_took_anothers_place",
            ),
            ('\\d{1,18}"', '\\d+"', "test_fields_have_words"),
            ('\\d{1,18}", re.ASCII', '\\d{1,18}"', "test_fields_have_words"),
            ("(OverflowError, ValueError, OSError)", "(ValueError, OSError)", "test_fields_have_words"),
            ("(OverflowError, ValueError, OSError)", "(OverflowError, OSError)", "test_fields_have_words"),
        )
    ),
    # objects/folder: tidied once, of parts alone; what may pass is told so; and nothing stays open
    *(
        Guard("orchestrator/objects/folder.py", right, wrong, f"tests/objects/test_faults.py::{test}")
        for right, wrong, test in (
            ("        if self._tidied:\n            return\n", "", _PARTS),
            ('if entry.name.endswith(".part")]', "]", _PARTS),
            ("with suppress(OSError):\n                if time", "if True:\n                if time", _PARTS),
            ("error.errno == errno.ELOOP or ", "", "test_links_and_pipes_are_not_followed"),
            (" or isinstance(error, TimeoutError | ConnectionError):", ":", _MOUNTED),
            ("if error.errno in _PASSING or ", "if ", _MOUNTED),
            ("            os.close(at)\n            at = below", "            at = below", _OPEN),
            ("            os.close(root)\n", "            pass\n", _OPEN),
            ("    finally:\n        os.close(at)\n", "    finally:\n        pass\n", _OPEN),
        )
    ),
    # cli/archive_tend: what is asked for and no more, and what stays is told
    *(
        Guard("orchestrator/cli/archive_tend.py", right, wrong, f"tests/cli/test_archive_tend.py::{test}")
        for right, wrong, test in (
            ("list(dict.fromkeys(names))", "list(names)", "test_closed_days_become_parquet"),
            ('one.get("objects") or one.get("files") or', 'one.get("files") or', "test_closed_days_become_parquet"),
            ("before or tending.first_open", "tending.first_open", "test_closed_days_become_parquet"),
            ("        if until > (today", "        if until >= (today", "test_open_days_stay"),
            ('    if any(one.get("left") for', '    if any(one.get("lost") for', "test_what_stays_is_told"),
            ("    wanted_names(brands, everything=every)\n    keep", "    keep", "test_old_days_go"),
            ("keep = days or settings", "keep = settings", "test_old_days_go"),
            ("        _ask(ways, keep)\n", "", "test_old_days_go"),
            ('    if any(one.get("stays") for', '    if any(one.get("lost") for', "test_old_days_go"),
            ("if done.days or done.stays:", "if True:", "test_old_days_go"),
            ("if done.days or done.stays:", "if done.days:", "test_old_days_go"),
            (' or one.get("stays") for', " for", "test_old_days_go"),
            ("    if not keep:\n", "    if False:\n", "test_days_to_keep_are_a_setting"),
            ("    with suppress(OSError):\n", "    if True:\n", _ROUND),
            ("        os.nice(_NICE)\n", "        pass\n", _ROUND),
            ("    if settings.archive_retention_days:  # first", "    if True:  # first", _ROUND),
            ("if pruned.stays else []", "if pruned.days else []", _ROUND),
            ("    if compacts:\n", "    if True:\n", _ROUND),
            ('            told["open"] += bool(done.left)\n', "", _ROUND),
            ('            told["compacted"] += bool(done.files)\n', "", _ROUND),
            ('{why}" for why in done.left]', '{why}" for why in ()]', _ROUND),
            ("except (ArchiveUnavailableError, StoreUnavailableError):", "except ArchiveUnavailableError:", _AWAY),
            ("except (ArchiveUnavailableError, StoreUnavailableError):", "except StoreUnavailableError:", _AWAY),
        )
    ),
    # objects/looking_back: no further back than need be, and what is away is no gap
    *(
        Guard("orchestrator/objects/looking_back.py", right, wrong, f"tests/objects/test_looking_back.py::{test}")
        for right, wrong, test in (
            ("since = before[-1] if before", "since = before[0] if before", "test_every_moment_is_as_readers_saw_it"),
            (
                "max(link.now_ms for link in archive.links(step.ref))",
                "[link.now_ms for link in archive.links(step.ref)][-1]",
                "test_clock_that_went_back_settles_nothing_earlier",
            ),
            ("    except ArchiveUnavailableError:\n        raise\n", "", "test_archive_that_is_away_is_no_gap"),
        )
    ),
)
