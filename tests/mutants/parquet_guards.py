"""The guards of Parquet in the archive: nothing foreign is taken for records, and what goes was seen elsewhere first.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_PARQUET: Final = "orchestrator/objects/parquet.py"
_PAGES: Final = "orchestrator/objects/pages.py"
_COMPACTION: Final = "orchestrator/objects/compaction.py"
_RETENTION: Final = "orchestrator/objects/retention.py"
_PURGING: Final = "orchestrator/service/purging.py"
_FOREIGN: Final = "tests/objects/test_parquet.py::test_foreign_file_is_refused"
_HEADERS: Final = "tests/objects/test_parquet.py::test_header_that_is_none_is_refused"

PARQUET_GUARDS: Final = (
    # objects/parquet: of ours, of a known format and the right brand, with the columns of their types
    Guard(_PARQUET, "    if not mark.isdigit() or len", "    if len", _FOREIGN),
    Guard(_PARQUET, "    if not 1 <= int(mark) <= FORMAT:\n", "    if int(mark) < 1:\n", _FOREIGN),
    Guard(_PARQUET, "    if said.get(_BRAND) != brand.encode():\n", "    if False:\n", _FOREIGN),
    Guard(_PARQUET, "        if kind != wanted.field(name).type:\n", "        if False:\n", _FOREIGN),
    # each row, and each record: complete, in order, bounded, under its checksum
    Guard(_PARQUET, "    if None in row[: len(_HEAD)]:\n", "    if False:\n", _FOREIGN),
    Guard(_PARQUET, "    if of != brand:\n", "    if False:\n", _FOREIGN),
    Guard(_PARQUET, "previous, settings))) > MAX_HEAD_BYTES:", "previous, settings))) > 1 << 30:", _FOREIGN),
    Guard(_PARQUET, "    if not 0 <= items <= MAX_ITEMS:\n", "    if items < 0:\n", _FOREIGN),
    Guard(_PARQUET, " < 0 or not cid:", " < 0:", _FOREIGN),
    Guard(_PARQUET, "more[: len(_HEAD)] != row[: len(_HEAD)]:", "more[1] != row[1]:", _FOREIGN),
    Guard(_PARQUET, "    if at != place:\n", "    if False:\n", _FOREIGN),
    Guard(_PARQUET, "    if (text is None) is (data is None):\n", "    if False:\n", _FOREIGN),
    Guard(_PARQUET, "    if check_of(record) != check:\n", "    if False:\n", _FOREIGN),
    # objects/pages: what takes memory or time is refused before it does
    Guard(
        _PAGES,
        "about.num_rows if page.kind == _DICTIONARY and name in plain else 1",
        "1",
        "tests/objects/test_parquet.py::test_dictionary_of_payloads_is_refused",
    ),
    Guard(
        _PAGES,
        " and page.unpacked > MAX_DICTIONARY_BYTES:",
        " and False:",
        "tests/objects/test_parquet.py::test_long_dictionary_is_refused",
    ),
    Guard(
        _PARQUET,
        "            if size > MAX_OBJECT_BYTES:\n",
        "            if False:\n",
        "tests/objects/test_parquet.py::test_bomb_is_refused_before_it_is_unpacked",
    ),
    Guard(
        _PAGES,
        "                if unpacked > most:\n",
        "                if False:\n",
        "tests/objects/test_parquet.py::test_dictionary_of_payloads_is_refused",
    ),
    Guard(
        _PAGES,
        "    if metadata.num_rows > MAX_ROWS:\n",
        "    if False:\n",
        "tests/objects/test_parquet.py::test_many_rows_of_nothing_are_refused",
    ),
    Guard(_PAGES, " or min(page.unpacked, page.packed) < 0:", ":", _HEADERS),
    Guard(_PAGES, "        if at > ends:\n", "        if False:\n", _HEADERS),
    Guard(_PAGES, "                if field in found:  #", "                if False:  #", _HEADERS),
    Guard(_PAGES, "kind == _STRUCT and depth < _DEPTH:", "kind == _STRUCT:", _HEADERS),
    # objects/compaction: what goes was seen elsewhere, and nothing comes back behind a purge
    Guard(
        _COMPACTION,
        "!= self._refs.keys():",
        "== 0:",
        "tests/objects/test_compaction.py::test_nothing_is_put_behind_a_purge",
    ),
    Guard(
        _COMPACTION,
        "            if not held:\n",
        "            if False:\n",
        "tests/objects/test_compaction.py::test_nothing_is_put_behind_a_purge",
    ),
    Guard(
        _COMPACTION,
        "        if self._archive.objects.get(file.name) != file.data:\n",
        "        if False:\n",
        "tests/objects/test_compaction.py::test_what_is_not_given_back_takes_nothing_with_it",
    ),
    Guard(
        _COMPACTION,
        "        if found.digest() != self._all.digest():\n",
        "        if False:\n",
        "tests/objects/test_compaction.py::test_what_is_not_given_back_takes_nothing_with_it",
    ),
    Guard(
        _COMPACTION,
        "        if found is None or not found <= known:\n",
        "        if found is None:\n",
        "tests/objects/test_compaction.py::test_what_comes_later_becomes_a_file_of_its_own",
    ),
    Guard(
        _COMPACTION,
        "any(mine < other for other in larger)",
        "any(mine & other for other in larger)",
        "tests/objects/test_compaction.py::test_file_whose_records_are_in_a_larger_one_goes",
    ),
    *(
        Guard(_COMPACTION, right, wrong, "tests/objects/test_compaction.py::test_file_ends_at_its_bound")
        for right, wrong in (
            ("self._packer.unpacked >= PART_BYTES or ", ""),
            (" or self._rows >= PART_ROWS:", ":"),
            ("max(1, len(record.items))", "len(record.items)"),
        )
    ),
    Guard(
        _COMPACTION,
        "            if mine is None:\n                continue\n            if any",
        "            mine = mine or set()\n            if any",
        "tests/objects/test_compaction.py::test_double_that_cannot_be_read_stays",
    ),
    *(
        Guard(_COMPACTION, right, wrong, f"tests/objects/test_compaction.py::{test}")
        for right, wrong, test in (
            (
                "ref.name] or ()), reverse=True)",
                "ref.name] or ()))",
                "test_file_whose_records_are_in_a_larger_one_goes",
            ),
            (
                "for _ in range(_ATTEMPTS):\n        done",
                "for _ in range(1):\n        done",
                "test_nothing_is_put_behind_a_purge",
            ),
            ("        if str(error) not in self._done.left:\n", "        if True:\n", "test_what_cannot_be_read_stays"),
        )
    ),
    Guard(
        _COMPACTION,
        "        done.left.clear()\n",
        "",
        "tests/objects/test_compaction.py::test_only_what_stays_in_the_end_is_told",
    ),
    Guard(
        _COMPACTION,
        "        except (_ChangedError, ObjectMissingError):\n            continue",
        "        except _ChangedError:\n            continue",
        "tests/objects/test_compaction.py::test_day_from_which_an_object_goes_meanwhile_is_begun_anew",
    ),
    Guard(
        _COMPACTION,
        "                    self._compact_path(path[:at])\n",
        "",
        "tests/objects/test_compaction.py::test_what_cannot_be_read_stays",
    ),
    Guard(
        _COMPACTION,
        " and self.sources and record.replaces:",
        " and False:",
        "tests/objects/test_compaction.py::test_dead_branches_and_replaced_states_have_files_of_their_own",
    ),
    Guard(
        _COMPACTION,
        """                except (ArchiveUnavailableError, ObjectMissingError):
                    raise
                except ArchiveError""",
        "                except ArchiveError",
        "tests/objects/test_compaction.py::test_archive_that_is_away_is_told",
    ),
    # objects/retention: nothing goes that a chain of a kept day leads through
    Guard(
        _RETENTION,
        "    except ArchiveError:\n        return None\n",
        "    except ArchiveError:\n        raise\n",
        "tests/objects/test_retention.py::test_base_of_a_dead_branch_is_none",
    ),
    Guard(
        _RETENTION,
        "until = min(keep_from, *(step.ref.day for step in found.steps))",
        "until = keep_from",
        "tests/objects/test_retention.py::test_days_behind_the_last_base_stay",
    ),
    Guard(
        _RETENTION,
        "        if begins is None:\n",
        "        if False:\n",
        "tests/objects/test_retention.py::test_quiet_brand_wants_a_base_of_its_last_commit",
    ),
    Guard(
        _RETENTION,
        "version = kept[0].ref.version - 1",
        "version = 0",
        "tests/objects/test_retention.py::test_days_go_up_to_the_base_of_the_first_kept_one",
    ),
    Guard(
        _RETENTION,
        """    except (ArchiveUnavailableError, ObjectMissingError):
        raise
    except ArchiveError as error:""",
        "    except ArchiveError as error:",
        "tests/objects/test_retention.py::test_archive_that_is_away_is_told",
    ),
    *(
        Guard(_RETENTION, right, wrong, f"tests/objects/test_retention.py::{test}")
        for right, wrong, test in (
            ("bases if max(days) < keep_from else []", "bases", "test_brand_without_a_state_keeps_its_days"),
            ("[*late, *reversed(early)]:", "[*late, *early]:", "test_days_behind_the_last_base_stay"),
            (
                "[*late, *reversed(early)]:",
                "[*reversed(early), *late]:",
                "test_days_go_up_to_the_base_of_the_first_kept_one",
            ),
            ("    if not old:\n", "    if False:\n", "test_chain_that_begins_in_kept_days_needs_no_base"),
            ("(cid, oldest=True)", "(cid)", "test_days_go_up_to_the_base_of_the_first_kept_one"),
            (
                "for day in days if day < until",
                "for day in days if day <= until",
                "test_base_of_the_last_old_commit_will_do",
            ),
        )
    ),
    # service/purging: nothing comes back behind a purge, and what remains is told
    Guard(
        _PURGING,
        "        if had and again:\n",
        "        if True:\n",
        "tests/service/test_purging.py::test_who_never_leaves_is_told_of",
    ),
    Guard(
        _PURGING,
        "                why = str(error)\n",
        "                why = str(error)[:0]\n",
        "tests/service/test_purging.py::test_archive_that_is_away_is_told_and_asked_again",
    ),
    Guard(
        _PURGING,
        "        if not found:\n            break\n",
        "        break\n",
        "tests/service/test_purging.py::test_what_comes_meanwhile_goes_too",
    ),
    *(
        Guard(_PURGING, right, wrong, f"tests/service/test_purging.py::{test}")
        for right, wrong, test in (
            ("keys = purged.keys - (had and not kept_before)", "keys = purged.keys", "test_all_of_it_goes"),
            ("[entry for entry in some if not entry.odd]", "some", "test_files_of_others_are_told_of"),
            (
                '    else:\n        return f"somebody else puts objects into {folder}"\n',
                "",
                "test_what_comes_meanwhile_goes_too",
            ),
        )
    ),
    Guard(
        _PURGING,
        "    objects.folders()  # as above\n",
        "",
        "tests/cli/test_archive.py::test_purge_says_what_remains_where_the_archive_is_away",
    ),
    # service/tending, service/tender: no clock alone lets a day go, no brand keeps another one, no trouble has no end
    Guard(
        "orchestrator/service/tending.py",
        "first_kept(agreed_ms(client), days))",
        "first_kept(server_ms(client), days))",
        "tests/cli/test_archive_tend.py::test_quiet_brand_has_a_base_put",
    ),
    Guard(
        "orchestrator/service/tending.py",
        "        snapshot = take_snapshot(client, settings, archive.brand) if held else None\n",
        "        snapshot = take_snapshot(client, settings, archive.brand)\n",
        "tests/cli/test_archive_tend.py::test_quiet_brand_has_a_base_put",
    ),
    Guard(
        "orchestrator/cli/archive_tend.py",
        "            except OrchestratorError as error:",
        "            except ArchiveUnavailableError as error:",
        "tests/cli/test_archive_tend.py::test_brand_that_cannot_be_tended_keeps_no_other_one",
    ),
    Guard(
        "orchestrator/service/tender.py",
        '                self._is_told("", nan)\n',
        "                pass\n",
        "tests/service/test_tender.py::test_trouble_is_of_who_tends",
    ),
    Guard(
        "orchestrator/service/tender.py",
        ', "ARCHIVE_RETENTION_DAYS": str(settings.archive_retention_days)}',
        "}",
        "tests/service/test_tender.py::test_days_are_tended",
    ),
)
