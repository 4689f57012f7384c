"""How far a brand has moved, so that a list can begin with what matters, and why, in one line.

Pure. Open episodes come first: of volume, then of mood and of stories, then what a worker flagged; within one kind by
score. Brands without any are ranked by how improbable their change against the window before is (in standard deviations
of a count), not by percent: three mentions instead of one are +200 % and no news. What is not known does not move.

Texts are foreign: they are cut, stand between quotation marks on one line, and are escaped where they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.episode_words import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LABEL_CHARS: Final = 80
MAX_EPISODES: Final = 8
_STEP: Final = 1e6
"""Between two kinds; a score or a deviation stays below it."""

_LEVELS: Final = {"volume": 3, "mood": 2, "story": 2}
_COUNTED: Final = {"volume": "mentions", "mood": "negative mentions", "story": "mentions of"}
MAX_COUNT: Final = 10**15
HOUR_S: Final = 3600

Episode = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """What moved of a brand.

    Attributes:
        kinds: of its open episodes, the most urgent first.
        cause: the most urgent one in a line; empty if nothing is open.
        rank: the greater the further up.
    """

    kinds: Sequence[str] = ()
    cause: str = ""
    rank: float = 0.0


def move_of(
    volume: Episode | None,
    mood: Episode | None,
    stories: Sequence[Episode],
    *,
    flagged: bool,
    mentions: float,
    change: float | None,
) -> Move:
    """The move of a brand with these open episodes, so many *mentions* and this *change* against the window before."""
    found = [("volume", volume)] if volume is not None else []
    found += [("mood", mood)] if mood is not None else []
    found += [("story", story) for story in stories[:MAX_EPISODES]]
    if found:
        kind, episode = max(found, key=lambda each: (_LEVELS[each[0]], _number(each[1], "spikeScore")))
        score = min(_number(episode, "spikeScore"), _STEP - 1)
        kinds = tuple(dict.fromkeys(kind for kind, _ in found))
        return Move(kinds, _in_words(kind, episode), _LEVELS[kind] * _STEP + score)
    if flagged:
        return Move((), "flagged by a worker", _STEP)
    return Move((), "", min(deviation(mentions, change), _STEP - 1))


def deviation(mentions: float, change: float | None) -> float:
    """How many standard deviations of a count *mentions* are away from those of the window before; 0 if unknown."""
    if change is None or not (isfinite(change) and change > -1 and isfinite(mentions)):
        return 0.0
    before = max(0.0, mentions) / (1 + change)
    return abs(mentions - before) / sqrt(max(1.0, before)) if isfinite(before) else 0.0


def _in_words(kind: str, episode: Episode) -> str:
    """``480 mentions in 15 min instead of 10: “Battery complaints”``; what is not known is left out."""
    label = _text(episode, "label") if kind == "story" else _driver(episode)
    counted, expected, window_s = (_number(episode, name) for name in ("mentionCount", "expected", "windowSec"))
    what = f"{counted:,.0f} {_COUNTED[kind]}" if counted else _COUNTED[kind].removesuffix(" of")
    if kind == "story":
        what = f"{what} {label or 'one story'}"
    during = f" in {window_s / HOUR_S:.0f} h" if window_s >= HOUR_S else f" in {window_s / 60:.0f} min"
    usual = "" if "expected" not in episode else f" instead of {expected:,.0f}" if expected >= 1 else " instead of none"
    about = f": {label}" if label and kind != "story" else ""
    return f"{what}{during if window_s else ''}{usual}{about}"


def _driver(episode: Episode) -> str:
    """The first story that it is about, or else the first topic."""
    drivers = episode.get("drivers")
    if not isinstance(drivers, dict):
        return ""
    for listed, name in (("stories", "label"), ("topics", "topic")):
        first = drivers.get(listed)
        if isinstance(first, list) and first and isinstance(first[0], dict) and (text := _text(first[0], name)):
            return text
    return ""


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return quoted(value[:MAX_LABEL_CHARS]) if isinstance(value, str) and value.strip() else ""


def _number(of: Mapping[str, Any], name: str) -> float:
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(max(0, min(value, MAX_COUNT)))
