"""The Lua commands: their text, their digests, and which keys each one takes.

Must not talk to Redis. Source of the texts: ``lua/*.lua``, one file for each atomic command. Source of the
meaning: ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orchestrator.contract.keys import BrandKeys

KEY_TYPES: Final = {
    "lock": "string",
    "meta": "hash",
    "state": "hash",
    "digests0": "string",
    "digests1": "string",
    "queue": "list",
    "failed": "list",
    "summary": "string",
    "spike": "list",
    "trend": "hash",
    "recent": "list",
    "outbox": "list",
    "segments": "hash",
    "mood": "list",
    "stories": "list",
    "seen0": "set",
    "seen1": "set",
}
"""Attribute of ``BrandKeys`` to Redis type, in the order of KEYS of acquire and commit."""

ARCHIVE_TYPES: Final = {"records": "list", "archiving": "hash"}
"""Those that a commit with a record takes beyond them; the last of its KEYS is of the commit, not of the brand."""


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua command.

    Attributes:
        name: of its file.
        parts: attributes of ``BrandKeys`` in the order of its KEYS (acquire takes one more, which is of all brands);
            empty for those that take many brands, or none, and for those that people call (mend, walk, purge).
        text: what Redis runs.
        digest: by which Redis knows it.
    """

    name: str
    parts: tuple[str, ...]
    text: str
    digest: str

    @classmethod
    def load(cls, name: str, *parts: str) -> Script:
        """Read ``lua/<name>.lua`` from the package."""
        text = resources.files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # as EVALSHA wants it
        return cls(name, parts, text, digest)

    def keys(self, keys: BrandKeys) -> list[str]:
        """The KEYS of this command for one brand."""
        return [getattr(keys, part) for part in self.parts]


ACQUIRE: Final = Script.load("acquire", *KEY_TYPES)
BEGIN: Final = Script.load("begin", "lock", "meta", "queue")
COMMIT: Final = Script.load("commit", *KEY_TYPES)
ARCHIVE: Final = tuple(ARCHIVE_TYPES)
RENEW: Final = Script.load("renew", "lock")
RELEASE: Final = Script.load("release", "lock", "meta")
CLAIM: Final = Script.load("claim")
ADOPT: Final = Script.load("adopt", "meta")
BEAT: Final = Script.load("beat")
MEND: Final = Script.load("mend")
WALK: Final = Script.load("walk")
PAUSE: Final = Script.load("pause")
RESUME: Final = Script.load("resume")
PAUSED: Final = Script.load("paused")
LOOK: Final = Script.load("look")
PURGE: Final = Script.load("purge")
HEADS: Final = Script.load("heads")
FORGET: Final = Script.load("forget", "meta")
PARK: Final = Script.load("park")
PROJECT: Final = Script.load("project")
BURY: Final = Script.load("bury")
SETTLE: Final = Script.load("settle")
OWE: Final = Script.load("owe")
STIRRED: Final = Script.load("stirred")
ARRIVE: Final = Script.load("arrive")
HOLD: Final = Script.load("hold", *ARCHIVE)
NOTE: Final = Script.load("note", *ARCHIVE)
REMOVE: Final = Script.load("remove", *ARCHIVE)

ALL: Final = (
    *(ACQUIRE, BEGIN, COMMIT, RENEW, RELEASE, CLAIM, ADOPT, BEAT, MEND, WALK),
    *(PAUSE, RESUME, PAUSED, LOOK, PURGE, HEADS, FORGET, PARK),
    *(PROJECT, BURY, SETTLE, OWE, STIRRED, ARRIVE),
    *(HOLD, NOTE, REMOVE),
)
