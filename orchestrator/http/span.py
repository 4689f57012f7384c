"""A stretch of a brand's past in hours or days: what is asked for, which fields of the trend hold it, and its points.

Pure, time as an argument. An hour or a day without a field had no chunk: its point is zero and has its place. What is
older than what is kept is not zero but unknown, so it cannot be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.contract.insights import DAY_FIELD, HISTORY_DAYS, HOUR_FIELD, TREND_DAYS, TrendPoint
from orchestrator.http.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SPAN: Final = timedelta(days=7)
MAX_TIME_CHARS: Final = 40
MAX_POINT_BYTES: Final = 4096
"""Of a point that is read; ours have less than a tenth of it."""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_decoder = msgspec.json.Decoder(TrendPoint)


class Step(StrEnum):
    """The length of a point."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """As a duration."""
        return _HOUR if self is Step.HOUR else _DAY

    def floor(self, moment: datetime) -> datetime:
        """The beginning of the hour or day of UTC that holds *moment*."""
        return moment - (moment - _EPOCH) % self.length

    def ceiling(self, moment: datetime) -> datetime:
        """The first beginning at or after *moment*."""
        return moment + (_EPOCH - moment) % self.length


@dataclass(frozen=True, slots=True)
class Span:
    """Hours or days, from the beginning of the first one to the end of the last one."""

    step: Step
    start: datetime
    end: datetime

    @property
    def starts(self) -> list[datetime]:
        """The beginning of each, oldest first."""
        return [self.start + number * self.step.length for number in range(self.count)]

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.end - self.start) // self.step.length

    @property
    def fields(self) -> list[bytes]:
        """Where the trend holds them, oldest first."""
        if self.step is Step.HOUR:
            return [HOUR_FIELD + iso(start).encode() for start in self.starts]
        return [DAY_FIELD + str(start.date()).encode() for start in self.starts]

    def points(self, values: Sequence[bytes | None]) -> list[TrendPoint]:
        """The points in *values*, which are those of :attr:`fields`; zeros for what is missing or not ours."""
        return [point_of(start, value) for start, value in zip(self.starts, values, strict=True)]


def iso(moment: datetime) -> str:
    """A whole second of UTC as the trend writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def point_of(start: datetime, value: bytes | None) -> TrendPoint:
    """The point in *value*, which begins at *start* whatever it says; zeros if it is none."""
    if value is not None and len(value) <= MAX_POINT_BYTES:
        try:
            return msgspec.structs.replace(_decoder.decode(value), start=iso(start))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    return TrendPoint(iso(start), 0, 0, 0.0, 0.0, 0.0, 0.0, None)


def last_hours(count: int, now: datetime) -> Span:
    """The last *count* hours, the running one among them."""
    end = Step.HOUR.floor(now) + _HOUR
    return Span(Step.HOUR, end - count * _HOUR, end)


def kept_since(step: Step, now: datetime) -> datetime:
    """The beginning of the oldest hour or day of which a point may be kept."""
    return Step.DAY.floor(now) - (TREND_DAYS if step is Step.HOUR else HISTORY_DAYS - 1) * _DAY


def read_span(since: str | None, until: str | None, step: Step, now: datetime) -> Span:
    """The span that these parameters ask for; None stands for one that is not there.

    It begins with the hour or day that holds *since*, by default seven days before its end, and ends with the one that
    *until* lies in or ends, at the latest with the running one.

    Raises:
        ProblemError: 400, naming the parameter, what it says and what would be right.
    """
    running = step.floor(now) + step.length
    oldest = kept_since(step, now)
    end = running if until is None else step.ceiling(min(running, _time("to", until)))
    start = max(oldest, end - DEFAULT_SPAN) if since is None else step.floor(_time("from", since))
    if start < oldest:
        raise _refused(
            f"from must be {iso(oldest)} or later with step={step}, and not {iso(start)}: "
            + ("older hours are not kept; step=day reaches further back." if step is Step.HOUR else "older ones go.")
        )
    if start >= end:
        raise _refused(f"from must be before to and not in the future: from is {iso(start)}, to is {iso(end)}.")
    return Span(step, start, end)


def _time(name: str, text: str) -> datetime:
    moment = _moment(text)
    if moment is None:
        raise _refused(
            f"{name} must be a time of ISO 8601, as 2026-11-20 or 2026-11-20T10:00:00Z (a plus in an address is %2B),"
            f" and not {text[:MAX_TIME_CHARS]!r}."
        )
    return moment


def _moment(text: str) -> datetime | None:
    """The time in *text*, of UTC where it names no zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _refused(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)
