"""The guards of what an archive's names say, and of what is read by them: nothing foreign, nothing twice, all told.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_BRAND: Final = "orchestrator/objects/brand_archive.py"
_VERIFYING: Final = "orchestrator/service/verifying.py"
_STRANGE: Final = "test_what_is_none_of_an_archives_is_told_once"
_BEHIND: Final = "test_records_of_an_object_are_one_behind_the_other"
_SAID: Final = "test_base_is_all_that_its_name_says"
_LAST: Final = "tests/cli/test_archive.py::test_state_that_was_put_in_place_last_is_its_base"

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
    # service/verifying: a base is what its commit left
    Guard(_VERIFYING, "                self.base = None\n", "", "tests/cli/test_archive.py"),
    Guard(_VERIFYING, "self.base or self.refold.snapshot()", "self.refold.snapshot()", _LAST),
)
