"""Guards of the layout of clusters beyond those of ``schedule_guards.py``: nothing old is shown, letters come once."""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_SCRIPTS: Final = "tests/store/test_projections.py"
_SCHEDULES: Final = "tests/layout/test_schedules.py"
_OPERATORS: Final = "tests/layout/test_operators.py"
_COMMANDS: Final = "tests/cli/test_on_a_cluster.py"
_OWED_TESTS: Final = "tests/lane/test_owed.py"
_NAMES: Final = "tests/contract/test_layout.py"
_PROJECT: Final = "orchestrator/store/lua/project.lua"
_BURY: Final = "orchestrator/store/lua/bury.lua"
_SETTLE: Final = "orchestrator/store/lua/settle.lua"
_PROJECTIONS: Final = "orchestrator/store/projections.py"
_OWED: Final = "orchestrator/lane/owed.py"
_PROJECTOR: Final = "orchestrator/lane/projector.py"
_SESSION: Final = "orchestrator/lane/session.py"
_PIPELINE: Final = "orchestrator/lane/pipeline.py"
_PAUSES: Final = "orchestrator/store/pauses.py"
_LETTERS: Final = "orchestrator/store/letters.py"
_PURGE: Final = "orchestrator/store/purge.py"

LAYOUT_GUARDS: Final = (
    # names
    Guard(
        "orchestrator/contract/slots.py",
        'tag = part if "}" not in part else _numbers()[slot_of(key)]',
        "tag = part",
        "tests/contract/test_slots.py",
    ),
    Guard(
        "orchestrator/contract/slots.py",
        "if opened and closed and tag else key",
        "if tag else key",
        "tests/contract/test_slots.py",
    ),
    Guard("orchestrator/contract/layout.py", "keys=BrandKeys.of,", "keys=_spread_keys,", _NAMES),
    # scripts: what replacing, and not leaving out, a part of a line makes wrong
    *(
        Guard(_PROJECT, right, wrong, _SCRIPTS)
        for right, wrong in (
            ("shown_version >= v)", "shown_version > v)"),
            ("local based = shown_epoch == tonumber(base_epoch) and ", "local based = "),
            (" and shown_version == tonumber(base_version)\n", "\n"),
            (" or redis.call('EXISTS', outward) == 0 then", " then"),
            ("#text <= 15 and ", ""),
            ("kind == 'none' or kind == 'list' or kind == 'hash'", "kind == 'none'"),
            ("'LTRIM', outward, -most, -1", "'LTRIM', outward, 0, -1"),
        )
    ),
    *(
        Guard(_BURY, right, wrong, _SCRIPTS)
        for right, wrong in (
            ("redis.call('HGET', guard, epoch) or ''", "redis.call('HGET', guard, 'last') or ''"),
            ("for at = 1, #epochs - most do", "for at = #epochs, most + 1, -1 do"),
        )
    ),
    *(Guard(_SETTLE, right, wrong, _SCRIPTS) for right, wrong in (("more = #entries == FEW", "more = false"),)),
    # what a commit owes
    Guard(_PROJECTIONS, "        if not before == after == cid.encode():\n            return None\n", "", _SCRIPTS),
    Guard(_PROJECTIONS, "if position is None or self.noted is None:", "if position is None:", _SCRIPTS),
    Guard(_PROJECTIONS, "now_ms - noted.at_ms >= ttl_ms[part]", "True", _SCRIPTS),
    Guard(_PROJECTIONS, "if not expired and position !=", "if not expired and position <", _SCRIPTS),
    # what is owed adds up, and is known
    *(
        Guard(_OWED, right, wrong, _OWED_TESTS)
        for right, wrong in (
            ("self.whole: set[Part] = set(_READ)", "self.whole: set[Part] = set()"),
            ("                self._put.pop(field, None)\n", ""),
            ("                self._removed.pop(field, None)\n", ""),
            ("if self._changed_bytes() > MOST_BYTES:", "if self._changed_bytes() > 2 * MOST_BYTES:"),
            (
                "Projection(Part.SUMMARY, shown.position, [document])",
                "Projection(Part.SUMMARY, self.position, [document])",
            ),
            (" and answer.position == one.position)", ")"),
            (
                "        if answer.code is Code.BEHIND:\n            self._owe_whole(one.part)\n        elif",
                "        if",
            ),
        )
    ),
    # the projector: owed until it is known to be shown, never again and again, and to an end
    *(
        Guard(_PROJECTOR, right, wrong, _SCHEDULES)
        for right, wrong in (
            ("due_ms = self._due_ms if shown else now_ms + POSTPONED_MS", "due_ms = self._due_ms"),
            ("        self._letters += len(commit.failed)\n", ""),
            ("        self._letters = lease.unburied\n", "        self._letters = 0\n"),
            ("                wrong = wrong or full_error(brand, buried.length)\n", "                pass\n"),
            ("if wrong is None and (found := self._found()):", "if (found := {}):"),
            ("wrong = wrong or answer.foreign", "wrong = None"),
            ("        if self.outrun and code in", "        if False and code in"),
            ("encode_shown(self.owed.shown) if self.owed.complete else", "encode_shown(self.owed.shown) if False else"),
        )
    ),
    *(
        Guard(_SESSION, right, wrong, _SCHEDULES)
        for right, wrong in (
            ("            owed = False  # it was made", "            pass  # it was made"),
            ("            readers.forget()  # somebody", "            pass  # somebody"),
            ("            raise buried.error\n", "            pass\n"),
            ("self._warm.epoch = max(self._warm.epoch, self._projector.outrun)", "pass"),
        )
    ),
    Guard(_SESSION, "                self._store.finish_moves(self.brand)\n", "                pass\n", _OPERATORS),
    Guard(_PIPELINE, "stays = self._stayed or self._projector is not None", "stays = self._stayed", _SCHEDULES),
    Guard(_PIPELINE, "self.failure = self.failure or shown.error", "pass", _SCHEDULES),
    Guard(_PIPELINE, "            self._projector.owed.forget()\n", "", _SCHEDULES),
    # what a command committed is shown at once, though no lane is there
    *(
        Guard(f"orchestrator/service/{name}.py", f"{indent}show_whole({of}", f"{indent}({of}", _COMMANDS)
        for name, indent, of in (
            ("repair", "        ", "store.projections, lease, commit)"),
            ("swap", "                ", "self._store.projections, self.lease, commit)"),
        )
    ),
    # what operators do in several steps: each order is one in which a kill hides, loses and doubles nothing
    Guard(
        _PAUSES,
        "            _run(runner, scripts.PAUSE, [PAUSED_KEY, *[_NO_LOCK] * len(names)], _revision(), mark, *names)\n",
        "",
        _OPERATORS,
    ),
    Guard(_LETTERS, "        if self.place == 0:\n            finish(self._client, self._brand)\n", "", _OPERATORS),
    Guard(_LETTERS, "if layout.spread and queue is not None:", "if False:", _OPERATORS),
    Guard(_LETTERS, "if own == goal for text", "for text", _OPERATORS),
    Guard(_PURGE, "        _bury_all(projections, lease)\n", "", _OPERATORS),
    Guard(_PURGE, "        if left == before:", "        if False:", _OPERATORS),
    Guard(_PURGE, "                keep_out,\n", '                ("TYPE", guard_key(keys.failed)),\n', _OPERATORS),
    Guard(_PURGE, "letters(lease.brand, MAX_LETTERS)) != []:", "letters(lease.brand, MAX_LETTERS)):", _OPERATORS),
    *(
        Guard(_PURGE, "seen = projections.standing(wish.brand).epoch + 1", wrong, _OPERATORS)
        for wrong in ("seen = 0", "seen = projections.standing(wish.brand).epoch")
    ),
    Guard(_PROJECTIONS, 'return [] if str(reply).startswith("WRONGTYPE") else None', "return None", _OPERATORS),
    # what else lies in the outbox: it leaves, and holds nobody up
    Guard(_SETTLE, "if entry:find(STAMPED) and ", "if ", _SCHEDULES),
    Guard(_PROJECTIONS, 'rb"(\\d{16}\\.\\d{12}\\.\\d{6})\\|(.*)"', 'rb"([^|]*)\\|(.*)"', _SCHEDULES),
    Guard(_PROJECTOR, "while 0 < self._letters < before:", "while self._letters:", _SCHEDULES),
    *(
        Guard(_PROJECTOR, "self._foreign = found == [] and self._letters < MAX_LETTERS", wrong, _SCHEDULES)
        for wrong in ("self._foreign = False", "self._foreign = not found", "self._foreign = found == []")
    ),
    Guard("orchestrator/store/store.py", "unburied = checked(read.pop())", "unburied = read.pop()", _SCRIPTS),
    Guard(
        _PURGE,
        "Projection(part, position, gone=True) for part in Part",
        "Projection(part, position, gone=True) for part in ()",
        _OPERATORS,
    ),
)
