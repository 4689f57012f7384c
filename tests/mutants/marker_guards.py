"""The guards of an archive's marker: nothing is put, removed or told of at another place than the one Redis knows.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_MARKER: Final = "orchestrator/objects/marker.py"
_FOLDER: Final = "orchestrator/objects/folder.py"
_BUCKET: Final = "orchestrator/objects/bucket.py"
_ID: Final = "orchestrator/store/archive_id.py"
_PLACING: Final = "orchestrator/service/placing.py"
_SHELF: Final = "orchestrator/service/archiving.py"
_TASK: Final = "orchestrator/archivist/archivist.py"
_MARKS: Final = "tests/objects/test_marker.py"
_IDS: Final = "tests/store/test_archive_id.py"
_PLACED: Final = "tests/service/test_placing.py"
_RUNS: Final = "tests/archivist/test_archivist.py"
_COMMANDS: Final = "tests/cli/test_archive.py"

MARKER_GUARDS: Final = (
    # objects/marker, folder, bucket: put once, and read for no more than it says
    *(
        Guard(_MARKER, right, wrong, _MARKS)
        for right, wrong in (
            ("Fit.SAME if found == known else", "Fit.SAME if found else"),
            ("Fit.OTHER if found else Fit.UNMARKED", "Fit.FIRST if not found else Fit.OTHER"),
            ("if not found and empty() and chained()", "if empty() and chained()"),
            ("if not found and empty() and chained()", "if not found and chained()"),
            ("if not found and empty() and chained()", "if not found and empty()"),
            ("    if not is_id(found):", "    if False:"),
            ("objects.get(MARKER, MAX_BYTES)", "objects.get(MARKER)"),
            ("        if not _is_listed(objects):\n            return ", "        if True:\n            return "),
            ("        if not _is_listed(objects):\n            return ", "        if False:\n            return "),
            ("objects.put_new(MARKER,", "objects.put(MARKER,"),
            ("    except ArchiveMisplacedError:  # not even", "    except ZeroDivisionError:  # not even"),
        )
    ),
    Guard(_FOLDER, "        if error.errno not in _LINKLESS:\n", "        if True:\n", _MARKS),
    Guard(
        _FOLDER,
        "            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None\n",
        "            pass\n",
        _MARKS,
    ),
    Guard(_BUCKET, "error.errno not in _CONDITIONLESS:", "False:", _MARKS),
    Guard(_BUCKET, 'if not self._call("exists", self._path(name)):', "if True:", _MARKS),
    # store/archive_id: kept once, and nothing that is none
    *(
        Guard(_ID, right, wrong, _IDS)
        for right, wrong in (
            ("if _id(found) and not anew:", "if False:"),
            ("if _id(found) and not anew:", "if _id(found):"),
            ('("NX",) if found is None and not anew else ()', '("NX",)'),
            ('("SET", key, proposed, "NX", "PX", NEXT_MS)', '("SET", key, proposed, "PX", NEXT_MS)'),
            ("if any(last and waiting == 0 for", "if any(last for"),
            ("if any(last and waiting == 0 for", "if any(waiting == 0 for"),
            ("_ID.fullmatch(text)", "_ID.match(text)"),
            ("None if _is_foreign(reply) else checked(reply)", "checked(reply)"),
            ('b"" if _is_foreign(reply) else checked(reply)', "checked(reply)"),
            ("except StoreRefusedError as error:  # of", "except ZeroDivisionError as error:  # of"),
        )
    ),
    # service/placing: looked at before, and claimed once
    *(
        Guard(_PLACING, right, wrong, _PLACED)
        for right, wrong in (
            ("if now_s - self._looked_s < LOOK_S:", "if False:"),
            ("except StoreRefusedError as error:", "except ZeroDivisionError as error:"),
            ("if now_s - self._looked_s < LOOK_S:", "if self._looked_s > 0 or now_s - self._looked_s < LOOK_S:"),
            ("                if self._objects.mounted:\n", "                if False:\n"),
            (
                '            self._looked_s = float("-inf")\n            try:',
                "            self._looked_s = now_s\n            try:",
            ),
            ("            refuse_unless(known, read_marker(objects), objects)  # somebody", "            # somebody"),
            ("    if known := known_id(client):\n", "    if known := '':\n"),
            (", anew=True)", ")"),
            ("next_id(client, objects.digest, secrets.token_hex(16))", "secrets.token_hex(16)"),
            ("    if how in said:\n", "    if False:\n"),
        )
    ),
    *(
        Guard(_SHELF, f"        self._placing.check()\n{line}", line, _PLACED)
        for line in (
            "        return tail_of(",
            "        BrandArchive(self._objects, brand).put(",
            "        snapshot = take_snapshot(",
        )
    ),
    # archivist: told before there is anything to put, and no hanging place keeps anybody from counting
    Guard(_TASK, "        await self._look_at_place()\n", "", _RUNS),
    Guard(
        _TASK,
        "                if self._misplaced:\n                    self._recovered",
        "                if False:\n                    self._recovered",
        _RUNS,
    ),
    Guard(_TASK, "with trio.move_on_after(PLACE_S):", "with trio.CancelScope():", _RUNS),
    Guard(_TASK, '== "misplaced"', '== "unavailable"', _RUNS),
    # whoever else writes, removes or tells
    Guard(
        "orchestrator/cli/archive_tend.py",
        'load("orchestrator.service.placing").must_fit(client, objects)',
        "pass",
        _COMMANDS,
    ),
    Guard(
        "orchestrator/cli/archive.py",
        '        load("orchestrator.service.placing").must_fit(client, objects)\n        if every:',
        "        if every:",
        _COMMANDS,
    ),
    Guard(
        "orchestrator/cli/state.py",
        '        load("orchestrator.service.placing").must_fit(client, objects)\n',
        "",
        _COMMANDS,
    ),
    Guard(
        "orchestrator/cli/rebuild.py",
        'importlib.import_module("orchestrator.service.placing").must_fit(client, archive)',
        "pass",
        _COMMANDS,
    ),
    Guard("orchestrator/service/retelling.py", "            if request.known:\n", "            if False:\n", _COMMANDS),
    Guard(
        "orchestrator/service/archive_probe.py",
        "        if known:\n",
        "        if False:\n",
        "tests/cli/test_doctor.py",
    ),
    Guard(
        "orchestrator/service/purging.py",
        "                must_fit(client, objects)\n",
        "",
        f"{_COMMANDS}::test_purge_tells_that_the_archive_is_elsewhere",
    ),
    Guard("orchestrator/service/bases.py", "            must_fit(client, objects)\n", "", _PLACED),
    Guard(
        "orchestrator/service/retelling.py",
        "                objects.folders()  # refused",
        "                pass  # refused",
        _PLACED,
    ),
    # process/extras: the image has no pip
    Guard(
        "orchestrator/process/extras.py",
        ".is_file()",
        ".is_dir()",
        "tests/process/test_extras.py::test_in_the_image_a_build_helps",
    ),
    Guard(
        "orchestrator/objects/bucket.py",
        'if package in {"s3fs", "fsspec"} else',
        "if package else",
        "tests/process/test_extras.py::test_in_the_image_a_build_helps",
    ),
    # a place that refuses all is told of once
    Guard(_FOLDER, "            if error.errno not in _REFUSING:\n", "            if True:\n", _MARKS),
    Guard(
        _FOLDER,
        "            with self._refusal():\n                parts",
        "            with suppress():\n                parts",
        _MARKS,
    ),
    Guard(
        _BUCKET,
        "except (PermissionError, FileNotFoundError) as error:",
        "except ZeroDivisionError as error:",
        _MARKS,
    ),
    Guard(
        "orchestrator/archivist/plan.py",
        "self._not_before_s[brand] = self._away_until_s + BEHIND_S",
        "pass",
        "tests/archivist/test_plan.py",
    ),
    *(
        Guard(_TASK, right, wrong, _RUNS)
        for right, wrong in (
            (
                "alone = self._plan.refused(brand, now_s())\n",
                "alone = self._plan.failed(brand, now_s())\n",
            ),
            ('self._failed(brand if alone else "", "refused"', 'self._failed(brand, "refused"'),
            ('self._failed(brand if alone else "", "refused"', 'self._failed("", "refused"'),
            ("                if brands is None:  # a start", "                if False:  # a start"),
            ("if now_s < sweep_s or brands is None:", "if now_s < sweep_s or not brands:"),
            ("                    if str(error) != failure:\n", "                    if True:\n"),
            ("        if brands:  # nobody", "        if True:  # nobody"),
            ("here = frozenset(brands)  #", "here = brands  #"),
        )
    ),
    *(
        Guard("orchestrator/archivist/plan.py", right, wrong, "tests/archivist/test_plan.py")
        for right, wrong in (
            ("        if brand in self._suspect:\n", "        if False:\n"),
            ("self._suspect |= self._refused - {brand}", "self._suspect |= self._refused"),
            ("            self._refused.clear()\n", ""),
            ("        self._suspect.discard(brand)\n        self._failures", "        self._failures"),
            ("        self._suspect.discard(brand)\n        self._due_s", "        self._due_s"),
        )
    ),
    Guard(_MARKER, "    with _place():\n        first", "    if True:\n        first", _MARKS),
    Guard(
        _MARKER,
        "        with _place():\n            return not any",
        "        if True:\n            return not any",
        _MARKS,
    ),
)
