"""How a story stands: new, growing, peaking, steady or fading, by its mentions pane by pane.

Two means follow the story, one of the last hour or so and one of the last quarter of a day; what the fast one is to the
slow one says where the story goes. Only panes that are settled count. So a state can change when a pane begins and when
a late chunk comes, not from commit to commit. Two thresholds each way, and a margin against chance, keep it from
flickering between panes: what it takes to leave *steady* is more than what it takes to stay away.

Everything follows from the panes of the window, which are gone through from the oldest: nothing is stored. A story is
measured by its own mentions. So one that follows the brand's day grows in the morning.

Source: chosen by simulation (``tests/brand/test_life.py`` holds how often a story that nothing happens to changes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.brand.panes import PANES_PER_HOUR
from orchestrator.contract.summary import StoryState

NEW_PANES = 3 * PANES_PER_HOUR
"""So long after its first mention a story is new, whatever its panes say."""

UNSETTLED_PANES = 2
"""The current pane and the one before: chunks for them are on their way."""

MOVED, STAYED = 1.5, 1.2
"""How many times the slow mean the fast one has to be to be on the rise, and to stay there; down by the inverse."""

LOST, KEPT = 0.5, 0.75
"""Of its highest mean: with less than the first a story that rose is fading, with the second it may be steady again."""

HIGHER = {"growing": 1.05, "peaking": 1.1}
"""Times its highest mean: what it takes to go on growing, and to grow again from a peak."""

PAUSE_PANES = 3
"""Without a new height for so long a rise is over."""

SIGMAS = 3.0
"""How many standard deviations of chance the two means have to be apart, where mentions come in usual clusters."""

_FAST, _SLOW = 2 ** (-1 / PANES_PER_HOUR), 2 ** (-1 / (6 * PANES_PER_HOUR))
_FAST_PANES = (1 + _FAST) / (1 - _FAST)  # as many equally weighted panes scatter like the fast mean


def state_of(counts: Sequence[int], age_panes: int, cluster: float = 1.0) -> StoryState:
    """How a story stands.

    Args:
        counts: its mentions in each settled pane, oldest first, from its first one in the window on.
        age_panes: panes since its very first mention.
        cluster: mentions of a usual cluster: in what lumps they come.
    """
    if age_panes < NEW_PANES:
        return "new"
    course = _Course()
    fast = slow = fast_weight = slow_weight = 0.0
    for count in counts:
        fast, fast_weight = _FAST * fast + count, _FAST * fast_weight + 1
        slow, slow_weight = _SLOW * slow + count, _SLOW * slow_weight + 1
        usual = slow / slow_weight
        course.step(fast / fast_weight, usual, SIGMAS * math.sqrt(usual * cluster / _FAST_PANES))
    return course.state


class _Course:
    """A story's states one after the other.

    ``extreme`` is the highest mean since it grew, or the lowest since it fades, and ``since`` how many panes ago it had
    that.
    """

    __slots__ = ("extreme", "since", "state")

    def __init__(self) -> None:
        self.state: StoryState = "steady"
        self.extreme = 0.0
        self.since = 0

    def step(self, now: float, usual: float, chance: float) -> None:
        """One more pane with these means, which *chance* may part by so much."""
        state = self.state
        further = now < self.extreme if state == "fading" else now > HIGHER.get(state, 0.0) * self.extreme
        if state == "steady" or further:
            self.extreme, self.since = now, 0
        else:
            self.since += 1
        self.state = self._after_rise(now, usual) if state in ("growing", "peaking") else self._else(now, usual, chance)
        if self.state in ("growing", "fading") and self.state != state:
            self.extreme, self.since = now, 0
        elif self.state == "peaking":
            self.extreme = max(self.extreme, now) if state == "growing" else self.extreme

    def _after_rise(self, now: float, usual: float) -> StoryState:
        if now <= LOST * self.extreme:
            return "fading"
        if now < STAYED * usual and now >= KEPT * self.extreme:
            return "steady"  # as high as ever, and the usual by now
        if not self.since:
            return "growing"
        return "peaking" if self.since >= PAUSE_PANES else self.state

    def _else(self, now: float, usual: float, chance: float) -> StoryState:
        if now >= MOVED * usual and now - usual > chance:
            return "growing"
        if now <= usual / MOVED and usual - now > chance:
            return "fading"
        fades = self.state == "fading" and (self.since < PAUSE_PANES or now <= usual / STAYED)
        return "fading" if fades else "steady"
