"""``PATH=VALUE``: one value of a JSON document set, for a payload that is mended before it is sent again.

The path is the simple form of a JSON path, as dead letters tell it: ``$.clusters[0].label``, with or without ``$.``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.contract.depth import TOO_DEEP, too_deep

_PATH: Final = re.compile(r"(?:\$\.)?((?!\$)[^.\[\]]+(?:\[\d+\])*(?:\.[^.\[\]]+(?:\[\d+\])*)*)")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class SetError(ValueError):
    """Raised when a value cannot be set; the text says why."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value to set.

    Attributes:
        path: as it was given.
        steps: names and places from the top down, one at least.
        value: what is to stand there.
    """

    path: str
    steps: tuple[str | int, ...]
    value: Any

    @classmethod
    def parse(cls, text: str) -> Setting:
        """*text* is ``PATH=VALUE``; a value that is no JSON is text.

        Raises:
            SetError: it has another form.
        """
        path, equals, value = text.partition("=")
        found = _PATH.fullmatch(path)
        if not equals or found is None:
            raise SetError(f"{text!r} has to be PATH=VALUE with a path such as brand or $.clusters[0].label")
        steps = tuple(int(place) if place else name for place, name in _STEP.findall(found.group(1)))
        return cls(path, steps, _json_or_text(value))

    def __str__(self) -> str:
        return f"{self.path}={self.value if isinstance(self.value, str) else json.dumps(self.value)}"

    def apply(self, document: Any) -> None:
        """Set it in *document*; the last name of the path may be new, nothing else.

        Raises:
            SetError: *document* has no such place.
        """
        *above, last = self.steps
        for step in above:
            document = document[self._existing(document, step)]
        if isinstance(last, str) and isinstance(document, dict):
            document[last] = self.value
        else:
            document[self._existing(document, last)] = self.value

    def _existing(self, document: Any, step: str | int) -> Any:
        there = step in document if isinstance(document, dict) else _is_place(document, step)
        if not there:
            raise SetError(f"its payload has no {step!r} of the path {self.path!r}")
        return step


def set_values(payload: bytes, settings: tuple[Setting, ...]) -> bytes:
    """*payload* with *settings* in it; as it is if there are none.

    Raises:
        SetError: it is no JSON document, or has no such place.
    """
    if not settings:
        return payload
    if too_deep(payload):
        raise SetError(f"its payload is {TOO_DEEP}")
    try:
        document = json.loads(payload.decode(), parse_constant=_refuse)
    except ValueError:
        raise SetError("its payload is no JSON, so nothing can be set in it") from None
    for setting in settings:
        setting.apply(document)
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        return json.dumps(document, separators=(",", ":")).encode()


def _is_place(document: Any, step: str | int) -> bool:
    return isinstance(document, list) and isinstance(step, int) and step < len(document)


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return value


def _refuse(name: str) -> Any:
    raise ValueError(name)
