"""The mutants of the Lua files: every statement that can be taken away is taken away.

Found by reading the scripts, so that a new guard has its mutant without being listed anywhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.mutants.gate import ROOT, Mutant

FOLDER: Final = Path("orchestrator/store/lua")
SUITES: Final = (
    "tests/store/test_store.py",
    "tests/store/test_visit.py",
    "tests/store/test_damage.py",
    "tests/store/test_segments.py",
    "tests/store/test_settings.py",
    "tests/store/test_clock.py",
    "tests/store/test_members.py",
    "tests/store/test_process_orders.py",
    "tests/store/test_letters.py",
    "tests/store/test_pauses.py",
    "tests/store/test_fleet.py",
    "tests/store/test_purge.py",
    "tests/store/test_consumed.py",
    "tests/store/test_heads.py",
    "tests/store/test_projections.py",
    "tests/store/test_projection_refusals.py",
    "tests/layout/test_operators.py",
    "tests/service/test_notices.py",
    "tests/faults/test_schedules.py",
)

# Where a script's own tests are, if not in the first suite: they are run first, so that most mutants end there. All the
# others come after them, whatever stands here.
_OWN: Final = {
    "adopt": "tests/store/test_settings.py",
    "arrive": "tests/layout/test_operators.py",
    "beat": "tests/store/test_members.py",
    "bury": "tests/store/test_projections.py",
    "forget": "tests/store/test_damage.py",
    "heads": "tests/store/test_heads.py",
    "hold": "tests/store/test_consumed.py",
    "mend": "tests/store/test_letters.py",
    "note": "tests/store/test_consumed.py",
    "owe": "tests/store/test_projections.py",
    "park": "tests/service/test_notices.py",
    "pause": "tests/store/test_pauses.py",
    "paused": "tests/store/test_pauses.py",
    "project": "tests/store/test_projections.py",
    "purge": "tests/store/test_purge.py",
    "remove": "tests/store/test_consumed.py",
    "resume": "tests/store/test_pauses.py",
    "settle": "tests/store/test_projections.py",
    "walk": "tests/store/test_letters.py",
}

# One statement on a line of its own: a guard, a call of Redis, or a section written.
_REMOVABLE: Final = re.compile(
    r"^\s*(if .* then .* end|redis\.p?call\(.*\)|write\(.*\)|if wrong then return wrong end)\s*(--.*)?$"
)
_BLOCK_GUARD: Final = re.compile(r"^\s*return \{ '(?!OK)[A-Z]+'")

EQUIVALENT: Final[dict[str, str]] = {}
"""Lines whose absence cannot be seen in any answer or key, and why they stand there."""


def lua_mutants() -> list[Mutant]:
    """Every mutant, by reading the scripts."""
    found = []
    for path in sorted((ROOT / FOLDER).glob("*.lua")):
        lines = path.read_text(encoding="utf-8").splitlines()
        suites = sorted(SUITES, key=lambda suite: suite != _OWN.get(path.stem))
        for number, line in enumerate(lines):
            if _REMOVABLE.match(line) or _BLOCK_GUARD.match(line):
                name = f"{path.name}: {line.partition(' --')[0].strip()}"
                text = "\n".join([*lines[:number], "", *lines[number + 1 :]])  # the numbers of the lines stay
                found.append(Mutant(name, FOLDER / path.name, text, tuple(suites), EQUIVALENT.get(name, "")))
    return found
