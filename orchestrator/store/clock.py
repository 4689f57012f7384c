"""Is this machine's clock the server's? Every answer that brings the server's time is compared, without asking for it.

Two machines that differ say nothing about which of them is right. If it is the server's that is wrong, what is folded
by it is lost to the present; so whoever differs does nothing until they agree. One wrong machine then parks no brand,
and a wrong server is worked on by nobody.

Owns the rule and what the last answer showed; thread-safe. Source: section "Clocks" in ``docs/redis-protocol.md``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from orchestrator.contract.times import iso_utc_seconds
from orchestrator.errors import ClockSkewError
from orchestrator.store.client import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_SKEW_S: Final = 60.0
"""Machines with NTP are milliseconds apart; beyond a minute, times in logs and in summaries disagree visibly."""


TIME: Final = ("TIME",)
"""The question for the server's clock."""


def milliseconds_of(reply: Any) -> int:
    """What :data:`TIME` was answered, in Unix milliseconds.

    Raises:
        StoreError: what the reply means, if it is an error.
    """
    seconds, microseconds = checked(reply)
    return int(seconds) * 1000 + int(microseconds) // 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """The server's time beside this machine's, before and after the question; Unix milliseconds.

    Attributes:
        asked_ms: here, before.
        server_ms: there, at some moment in between.
        answered_ms: here, after.
    """

    asked_ms: int
    server_ms: int
    answered_ms: int

    @property
    def skew_ms(self) -> int:
        """How far the server is ahead of here, half of the round trip taken off as unknown; 0: it may be the same.

        So a slow network, or a machine that has no time to read an answer, is never taken for a wrong clock.
        """
        return max(0, self.server_ms - self.answered_ms) + min(0, self.server_ms - self.asked_ms)


@dataclass(frozen=True, slots=True)
class ClockStatistics:
    """What the last answer showed.

    Attributes:
        skew_s: how far the server is ahead of this machine; 0 within a round trip, and before the first answer.
        problem: what is wrong and what would be right; empty while nothing is.
    """

    skew_s: float
    problem: str


class ServerClock:
    """Compares this machine's clock with the server's.

    Args:
        max_skew_s: seconds that they may differ by; 0 = they are not compared.
        wall: this machine's clock, Unix seconds.
        stops: whether who differs is to do nothing; else it is merely told.
    """

    def __init__(self, max_skew_s: float, wall: Callable[[], float] = time.time, *, stops: bool = True) -> None:
        self._max_skew_ms = max_skew_s * 1000
        self._wall = wall
        self._stops = stops
        self._last = {"": ClockStatistics(0.0, "")}  # entries are replaced as a whole: any thread may

    @classmethod
    def told(cls, max_skew_s: float) -> Self:
        """One for who looks at a server: it compares also where 0 lets no difference stop anybody, and says that."""
        return cls(max_skew_s or MAX_SKEW_S, stops=bool(max_skew_s))

    def statistics(self) -> ClockStatistics:
        """What the last answer showed; of several servers, the one that differs most, and a problem only of all."""
        last = list(self._last.values())
        most = max(last, key=lambda seen: abs(seen.skew_s))
        return most if all(seen.problem for seen in last) else ClockStatistics(most.skew_s, "")

    def problems(self) -> dict[str, str]:
        """What is wrong with which servers, of several."""
        return {server: seen.problem for server, seen in list(self._last.items()) if seen.problem}

    def keep(self, servers: Collection[str]) -> None:
        """Only *servers* are there now: what was seen of others is forgotten."""
        for server in [server for server in list(self._last) if server not in servers and len(self._last) > 1]:
            self._last.pop(server, None)

    def now_ms(self) -> int:
        """This machine's time; to be read before the question is sent."""
        return int(self._wall() * 1000)

    def compare(self, asked_ms: int, server_ms: int, server: str = "") -> None:
        """Return if the server, which just told *server_ms* when it was asked at *asked_ms*, agrees with this machine.

        Of several servers each has a name.

        Raises:
            ClockSkewError: it does not.
        """
        seen = Comparison(asked_ms, server_ms, self.now_ms())
        skew_ms = seen.skew_ms
        if not self._max_skew_ms or abs(skew_ms) <= self._max_skew_ms:
            self._last[server] = ClockStatistics(skew_ms / 1000, "")
            return
        bound = f"{self._max_skew_ms / 1000:g}"
        follows = (
            f"MAX_CLOCK_SKEW_SEC={bound} apart: nothing is claimed until NTP has both right"
            if self._stops
            else f"{bound} s apart; with MAX_CLOCK_SKEW_SEC=0 brands are claimed all the same"
        )
        problem = (
            f"it is {iso_utc_seconds(seen.answered_ms)} here and {iso_utc_seconds(server_ms)} at"
            f" {server or 'Redis'}, more than {follows}"
        )
        self._last[server] = ClockStatistics(skew_ms / 1000, problem)
        raise ClockSkewError(problem)
