"""The guards of who writes the archive: nothing put twice, lost or broken off, and nobody who waits for another one.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_PLAN: Final = "orchestrator/archivist/plan.py"
_KNOWN: Final = "orchestrator/archivist/known.py"
_WRITER: Final = "orchestrator/archivist/writer.py"
_TASK: Final = "orchestrator/archivist/archivist.py"
_SERVICE: Final = "orchestrator/service/archiving.py"
_WHOSE: Final = "tests/archivist/test_plan.py"
_ENDS: Final = "tests/archivist/test_known.py"
_SCHEDULES: Final = "tests/archivist/test_schedules.py"
_RUNS: Final = "tests/archivist/test_archivist.py"
_SIDES: Final = "tests/service/test_archiving.py"

ARCHIVIST_GUARDS: Final = (
    # archivist/plan: by size, by age, in turns; who is away holds up nobody else
    *(
        Guard(_PLAN, right, wrong, _WHOSE)
        for right, wrong in (
            ("if waiting.bytes < self.terms.object_bytes:", "if True:"),
            ("            if not waiting.there:", "            if not waiting.bytes:"),
            ("            if not waiting.there:", "            if not waiting.records:"),
            ("min(self.terms.age_s, max(0.0, left_s))", "max(0.0, left_s)"),
            ("min(self.terms.age_s, max(0.0, left_s))", "min(self.terms.age_s, left_s)"),
            ("min(self._due_s.get(brand, due_s), due_s)", "due_s"),
            ("if now_s < self._away_until_s or (self._away and self._in_hand):", "if now_s < self._away_until_s:"),
            ("if now_s < self._away_until_s or (self._away and self._in_hand):", "if self._away and self._in_hand:"),
            ("if brand in self._in_hand or not_before_s > now_s:", "if not_before_s > now_s:"),
            ("if brand in self._in_hand or not_before_s > now_s:", "if brand in self._in_hand:"),
            ("                self._forget(brand)\n                continue", "                continue"),
            ("        if reached:\n            self._away", "        if True:\n            self._away"),
            (
                "        self._failures.pop(brand, None)\n        self._not_before_s.pop(brand, None)\n        if r",
                "        if r",
            ),
            ("        self._told.add(brand)\n\n    def _forget", "\n    def _forget"),
        )
    ),
    # archivist/known: an object is a run, and no chain begins in the air
    *(
        Guard(_KNOWN, right, wrong, _ENDS)
        for right, wrong in (
            ("record.previous != before.cid or ", ""),
            (" or record.replaces or day_of", " or day_of"),
            (" or day_of(record) != day_of(before):", ":"),
            ("if not self.follows(first) and self.base < position(first):", "if not self.follows(first):"),
            ("if not self.follows(first) and self.base < position(first):", "if False:"),
            ("not first.previous or first.replaces or", "not first.previous or"),
            ("if self.day != day_of(first) and self.base < position(first) and first.previous:", "if False:"),
            (" and self.base < position(first) and first.previous:", " and self.base < position(first):"),
            ("            if tail.base < tail.day:\n", "            if False:\n"),
            ("        if tail.has_previous:\n", "        if True:\n"),
            ("if any(record.cid == cid for record in records):", "if True:"),
            ("elif position(records[-1]) >= place:", "elif True:"),
        )
    ),
    # archivist/writer: noted before it is put, removed after it, and left to whoever has the right by now
    Guard(
        _WRITER,
        "        if not await self.consumed.note(brand, token, note):\n            raise LostError\n",
        "",
        _SCHEDULES,
    ),
    Guard(
        _WRITER,
        "        if not await self.consumed.remove(brand, token, note):\n            raise LostError\n",
        "",
        _SCHEDULES,
    ),
    Guard(_WRITER, "            if held is None:\n", "            if False:\n", "tests/archivist/test_writer.py"),
    Guard(_WRITER, "records[: run_of([one.head for one in records])]", "records", _SCHEDULES),
    Guard(_WRITER, "            await self._base(brand, known)\n        return k", "        return k", _SCHEDULES),
    Guard(
        _WRITER,
        "note, await self._known_before(",
        "note, await self._known_of(",
        "tests/archivist/test_writer.py::test_a_days_first_object_that_somebody_else_had_noted_has_its_base",
    ),
    Guard(_WRITER, "done.objects < OBJECTS_A_TURN", "True", "tests/archivist/test_writer.py"),
    Guard(_WRITER, "while not self.stopping.is_set() and", "while", _RUNS),
    Guard(_WRITER, "                await self.consumed.leave(brand, token)\n", "                pass\n", _RUNS),
    Guard(_WRITER, "            if not kept:\n", "            if False:\n", "tests/archivist/test_writer.py"),
    Guard(_WRITER, "                kept = await self.consumed.hold(", "                kept = True or (", _RUNS),
    Guard(_WRITER, "            async with self._basing:", "            if True:", "tests/archivist/test_writer.py"),
    Guard(_WRITER, "while len(self._known) > MOST_KNOWN:", "while False:", "tests/archivist/test_writer.py"),
    Guard(_WRITER, "        if not run:\n", "        if False:\n", "tests/archivist/test_writer.py"),
    # archivist/archivist: what waits is counted, or nobody says that nothing does
    *(
        Guard(_TASK, right, wrong, _RUNS)
        for right, wrong in (
            ("self._monotonic() - self._swept_s <= STALE_S", "True"),
            ("set(found.bytes if found.counted else nan)", "set(found.bytes)"),
            ("max(0.001, (now_ms - oldest_ms) / 1000)", "(now_ms - oldest_ms) / 1000"),
            ("if one.bytes >= self._outbox_bytes]", "]"),
            ('        if _NAMES.sub("", reason) != _NAMES.sub("", before):', "        if reason != before:"),
            ('        if _NAMES.sub("", reason) != _NAMES.sub("", before):', "        if True:"),
            ("if one.skipped > self._told_skipped.get(brand, 0)}", "if one.skipped}"),
            ("        self._told_skipped = {brand", "        self._told_skipped |= {brand"),
            ("        self._told_gaps = {brand", "        self._told_gaps |= {brand"),
            ("[*brands, *(brand for brand in told if brand not in here)]", "brands"),
            ("            for brand in brands:\n                self._plan.tell(brand)\n", ""),
            ("            self._ended.set()  # also", "            pass  # also"),
            ("        self._forget_troubles()\n", ""),
            ("if met_s < long_ago_s])", "])"),
            ("            self._plan.away(brand, now_s())\n", "            self._plan.failed(brand, now_s())\n"),
        )
    ),
    # service/archiving: names say where a chain ends; a package that is missing is told at the start
    Guard(_SERVICE, "{today, *days[-1:]} & set(days)", "{today} & set(days)", _SIDES),
    Guard(_SERVICE, "{today, *days[-1:]} & set(days)", "{*days[-1:]} & set(days)", _SIDES),
    Guard(_SERVICE, "ends = {base.cid for base in bases}", "ends = set[str]()", _SIDES),
    Guard("orchestrator/archive/record.py", "min(at_ms // 1000, _LAST_S), UTC", "at_ms // 1000, UTC", _SIDES),
    Guard(_SERVICE, "        check_installed(parse_archive_url(url))\n", "", _SIDES),
    Guard(
        "orchestrator/service/archive_probe.py",
        "    if found != put:\n",
        "    if False:\n",
        f"{_SIDES}::test_a_probe_says_at_which_step_it_failed",
    ),
    Guard(
        "orchestrator/cli/doctor.py",
        "    if found.brands and not settings.archives:\n",
        "    if False:\n",
        "tests/cli/test_doctor.py::test_doctor_says_what_waits_for_the_archive",
    ),
    Guard(
        "orchestrator/cli/doctor.py",
        "    if found.age_s(now_ms) > settings.archive_interval_sec + LATE_S:\n",
        "    if False:\n",
        "tests/cli/test_doctor.py::test_doctor_says_what_waits_for_the_archive",
    ),
    # records of brands that left the registry are looked for, and looked at until none waits
    *(
        Guard(_TASK, right, wrong, _RUNS)
        for right, wrong in (
            ("                seeking.cancel()  # it", "                # it"),
            ("found = await self._consumed.left(brands)", "found: list[str] = []"),
            ("except StoreError as error:  # the next search", "except ZeroDivisionError as error:  # the next search"),
        )
    ),
    *(
        Guard("orchestrator/store/left_records.py", right, wrong, "tests/store/test_left_records.py")
        for right, wrong in (
            (" and brand not in self._registered}", "}"),
            ("if self._keys(brand).records == text else", "if brand else"),
            ("text.rindex(QUEUE_SUFFIX)", "text.index(QUEUE_SUFFIX)"),
            ("except (ValueError, InvalidBrandError):", "except InvalidBrandError:"),
            ("nx=True, px=TURN_MS", "px=TURN_MS"),
        )
    ),
    Guard(_SERVICE, "if not await self._call(lambda: take_turn(self._client)):", "if False:", _SIDES),
)
