"""The guards of spikes: who is judged by what, what opens an episode, and what an episode says of its cause.

How to add a row is told in :mod:`tests.mutants`.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.guard import Guard

_EXPECTATION: Final = "orchestrator/brand/expectation.py"
_UNREST: Final = "orchestrator/brand/unrest.py"
_EPISODES: Final = "orchestrator/brand/episodes.py"
_DRIVERS: Final = "orchestrator/brand/drivers.py"
_STORIES: Final = "orchestrator/brand/stories.py"
_SPIKES: Final = "orchestrator/brand/spikes.py"
_LIFE: Final = "orchestrator/brand/life.py"
_MOODS: Final = "orchestrator/brand/moods.py"
_SETTLED: Final = "orchestrator/brand/settled_episodes.py"
_STORY_EPISODES: Final = "orchestrator/brand/story_episodes.py"
_EARLIER: Final = "orchestrator/brand/earlier.py"

SPIKE_GUARDS: Final = (
    # brand/expectation: what habit explains is more than the mean
    *(
        Guard(_EXPECTATION, guard, instead, "tests/brand/test_expectation.py")
        for guard, instead in (
            ("self._share((hour - 1) % 24)", "share"),
            ("self._share((hour + 1) % 24)", "share"),
            ("ceiling = max(mean, self.high * largest, level * largest)", "ceiling = max(mean, level * largest)"),
            ("max(self._level(), _HIGH_DECAY * self.high)", "max(self._level(), self.high)"),
        )
    ),
    Guard(
        _EXPECTATION,
        "            (seen.count - seen.mean, variance(seen.mean, expected.kappa)),",
        "            (0.0, variance(seen.mean, expected.kappa)),",
        "tests/brand/test_spikes.py",
    ),
    # brand/unrest: who is restless
    *(
        Guard(_UNREST, guard, instead, "tests/brand/test_unrest.py")
        for guard, instead in (
            ("weight < _ENOUGH or ", ""),
            (" or self.squares <= CALM_RATIO * self.variances", ""),
            ("max(MIN_VARIANCE, self.squares / weight)", "self.squares / weight"),
            ("self.weight = _DECAY * self.weight + 1", "self.weight = self.weight + 1"),
            ("self.squares = _DECAY * self.squares + error * error", "self.squares += error * error"),
        )
    ),
    # brand/episodes: what a restless brand needs, and what a rest holds back
    *(
        Guard(_EPISODES, guard, instead, "tests/brand/test_episodes.py")
        for guard, instead in (
            ("return self.score / OPEN_SCORE", "return self.score / RESTLESS_SCORE"),
            ("min(self.score / RESTLESS_SCORE, (self.count", "max(self.score / RESTLESS_SCORE, (self.count"),
            (" and stretch.height > bar", ""),
            (" and seen.count > seen.ceiling", ""),
            ("if pane >= self.until:", "if pane > self.until:"),
            ("self.peak.height_at(expected.sigma if self.peak.panes == 1 else expected.sum_sigma)", "self.peak.height"),
            ("if stretch.height < CLOSE_HEIGHT else 0", "if stretch.score < CLOSE_HEIGHT * self.peak.threshold else 0"),
        )
    ),
    # brand/drivers: what an episode is about, once and for good
    *(
        Guard(file, guard, instead, "tests/brand/test_drivers.py")
        for file, guard, instead in (
            (_SPIKES, "counted and panes[-1] >= settled.detector.following", "counted"),
            (_SPIKES, "cause.since == episode.since else None", "cause.since != episode.since else None"),
            (_SPIKES, "spikes._cause = unsettled.cause", "spikes._cause = None"),
            ("orchestrator/brand/state.py", "        self._explain(counted=True)\n", ""),
            (_DRIVERS, "if one[1].excess >= LEAST_SHARE * grown[0][1].excess", "if one[1].excess"),
            (_DRIVERS, "        if not _is_id(text):\n    ", "        if text:\n    "),
            (_STORIES, " or sorted(found, key=lambda one: (-one[3].mentions, one[1]))[:1]", ""),
            (_STORIES, "max(leading)[2] if leading else story.label", "story.label"),
            (_STORIES, "if pane in stretch and 0 < had.get(pane, 0) <= 2 * lead", "if pane in stretch"),
            (_STORIES, "if pane in stretch and 0 < had.get(pane, 0)", "if 0 < had.get(pane, 0)"),
            (_STORIES, "        (story.before_pane, story.before, story.before_lead),\n", ""),
            (_STORIES, "present.move(pane, PANE_MS) for pane in (story.told_pane", "pane for pane in (story.told_pane"),
        )
    ),
    # contract/episode_words: foreign text in a line of ours
    *(
        Guard("orchestrator/contract/episode_words.py", guard, instead, "tests/contract/test_episode_words.py")
        for guard, instead in (
            ("char for char in line if char.isprintable()", "line"),
            ("drivers.stories[:MAX_SHOWN]", "drivers.stories"),
        )
    ),
    Guard(
        "orchestrator/alerts/message.py",
        "about(drivers, _escaped)",
        "about(drivers)",
        "tests/alerts/test_message.py",
    ),
    Guard(
        _SPIKES,
        "            settled.rest = settled.episode.rest(end)\n",
        "",
        "tests/brand/test_spikes.py::test_aftershocks_are_not_told_and_something_higher_is",
    ),
    # brand/life: what keeps a state from flickering
    *(
        Guard(_LIFE, guard, instead, "tests/brand/test_life.py")
        for guard, instead in (
            ("now >= MOVED * usual and now - usual > chance", "now >= MOVED * usual"),
            ("now <= usual / MOVED and usual - now > chance", "now <= usual / MOVED"),
            ("math.sqrt(usual * cluster / _FAST_PANES)", "math.sqrt(usual / _FAST_PANES)"),
            ("now < STAYED * usual and now >= KEPT * self.extreme", "now < STAYED * usual"),
            ("if now <= LOST * self.extreme:", "if now < 0:"),
            ("if age_panes < NEW_PANES:", "if age_panes < 0:"),
            ("self.since < PAUSE_PANES or now <= usual / STAYED", "now <= usual / STAYED"),
        )
    ),
    # brand/earlier: what stories had before is noted once, and known when all of it is
    *(
        Guard(file, guard, instead, "tests/brand/test_earlier.py")
        for file, guard, instead in (
            (_EARLIER, "self._head is not None and pane >= self._head.first", "self._head is not None"),
            (_EARLIER, "self._head.since <= self._head.first - self._span", "self._head.since <= self._head.first"),
            (_EARLIER, "if head is None or head.span != span:", "if head is None:"),
            (_EARLIER, "pack(dict(sorted(had.items())))", "pack(dict(had))"),
            (_EARLIER, "Annotated[int, Meta(gt=0)]", "int"),
            (_STORIES, "hour = min(pane // PANES_PER_HOUR - first, CURVE_HOURS - 1)", "hour = 0 * first"),
        )
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        dues = (window_ms, listed_ms, ",
        "        dues = (window_ms, ",
        "tests/brand/test_state.py::test_nothing_changes_before_it_is_due",
    ),
    # brand/moods, brand/shares: what is a fall of mood, and what is not
    *(
        Guard(file, guard, instead, "tests/brand/test_moods.py")
        for file, guard, instead in (
            (_MOODS, " and stretch.count - stretch.mean >= LEAST_RISE * of", ""),
            (_MOODS, "rest.bar(pane, look.expected) if rest is not None else 0.0", "0.0"),
            (_MOODS, "if tracked.then(stretch, pane):", "if not tracked.then(stretch, pane):"),
            (_SETTLED, "following < newest + SUM_PANES", "False"),
            (_SETTLED, "following < newest + SUM_PANES", "True"),
            (_SETTLED, "(waiting or self.open_episodes())", "waiting"),
            (_SETTLED, "self._dirty |= self._learned is not None", "self._dirty = self._learned is not None"),
            (_MOODS, "if pane - learned.active >= SILENCE_PANES:", "if False:"),
            ("orchestrator/brand/shares.py", "max(_SMALLEST, self.share * whole)", "max(_SMALLEST, self.share * 50)"),
            ("orchestrator/brand/stories.py", "(_mean_score(story, span.stretch) or 0.0) < 0", "True"),
        )
    ),
    # brand/story_episodes: what outgrows the others, and how often
    *(
        Guard(_STORY_EPISODES, guard, instead, "tests/brand/test_story_episodes.py")
        for guard, instead in (
            ("if large.key not in learned.had and", "if"),
            ("key for key in learned.had if story(key) is not None", "key for key in learned.had"),
            ("found.whole * learned.largest / learned.wholes if learned.wholes else 0.0", "0.0"),
            ("max(LEAST_MENTIONS, LEAST_TIMES * stretch.mean)", "LEAST_TIMES * stretch.mean"),
            ("if story is None", "if False"),
        )
    ),
    Guard(
        "orchestrator/brand/state.py",
        "        self._settle(pane_of(now_ms))\n",
        "",
        "tests/brand/test_moods.py",
        "tests/brand/test_story_episodes.py",
    ),
    Guard(
        "orchestrator/alerts/message.py",
        'return "spike" if self.episode.kind == VOLUME else self.episode.kind',
        'return "spike"',
        "tests/alerts/test_message.py",
    ),
    # brand/trend: days outlive their hours, and only as long as is said
    *(
        Guard("orchestrator/brand/trend.py", guard, instead, "tests/brand/test_trend.py")
        for guard, instead in (
            (
                "{hour // HOURS_PER_DAY for hour in self._removed if hour >= self._first}",
                "{hour // HOURS_PER_DAY for hour in self._removed}",
            ),
            ("range(self._oldest, min(first, self._oldest + HISTORY_DAYS))", "range(self._oldest, first)"),
            ("        yield from map(_day_field, sorted(self._past_days))\n", ""),
            ("self._parting[day] = _point(day * HOURS_PER_DAY, self._day(day))", "pass"),
            ("if self._oldest is None or day >= self._oldest}", "}"),
        )
    ),
)
