"""One brand's whole state in memory: the only thing a lane holds between two commits.

Only passes on: each part has its own rule in a module of its own. Every time is an argument, in Unix milliseconds
(Redis TIME). The result depends only on the sequence of chunks and the times given with them, never on how batches
were cut, on restarts, or on which process did it.

Fields of the state hash: ``g`` (format, clock, flags, key of the mention ids), ``p:<pane>`` (tally and topics of a
pane), ``q``, ``q:<pane>`` (what stories had in panes of the window before), ``h:<hour>`` (tally of an hour), ``t`` (the
oldest day), ``n`` (chunk summaries), ``d``, ``o``, ``e`` (spikes: settled panes, unsettled ones, episodes), ``u``,
``v`` (mood: what was learned, closed episodes), ``w``, ``x`` (the same of stories' episodes), and those of the stories
(:mod:`orchestrator.brand.story_store`). Each ends with a seal (:mod:`orchestrator.brand.seals`).
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from orchestrator.brand.chunk_summaries import ChunkSummaries
from orchestrator.brand.codec import FieldDecoder, pack
from orchestrator.brand.contributions import Watch, counted
from orchestrator.brand.drivers import find_drivers, find_mood_drivers, find_story_drivers
from orchestrator.brand.flags import Flags
from orchestrator.brand.measures import Measures, measure
from orchestrator.brand.mentions import PREFIX as IDS_PREFIX
from orchestrator.brand.moods import Moods
from orchestrator.brand.outputs import Changes, FoldConfig, FoldReport, Reanchoring
from orchestrator.brand.panes import MAX_AHEAD_MS, PANE_MS, Present, Stamps, first_pane, pane_of, stamp_all
from orchestrator.brand.recent import RecentChunks
from orchestrator.brand.seals import is_sealed, seal_all, unseal_all
from orchestrator.brand.sentiment import tally_by_pane
from orchestrator.brand.spikes import Spikes
from orchestrator.brand.stories import StoryBook, StoryView
from orchestrator.brand.story_episodes import Pane, StoryEpisodes
from orchestrator.brand.summary import MAX_STORIES_SHOWN, MAX_TOPICS_SHOWN, Findings, Heading, encode_summary
from orchestrator.brand.trend import Trend
from orchestrator.brand.units import Oddities, look_through
from orchestrator.brand.window import TopicView, Window
from orchestrator.contract.decode import ChunkBatch
from orchestrator.contract.state_format import Formats
from orchestrator.errors import InvalidStateError, NewerStateError, OldStateError
from orchestrator.kernels import hash_keys
from orchestrator.kernels.hash_keys import Hashing

GENERAL_FIELD = b"g"


class _General(Struct, frozen=True, array_like=True):
    format: int
    clock_ms: int
    since_pane: int | None
    flag_minutes: list[int]
    hash_key: bytes = b""  # of before brands had keys: the state gets one
    window_ms: int = 0  # of a state that does not tell its bounds
    max_stories: int = 0


_BASE_BYTES = 12 << 10
"""In memory: a state without chunks, and what never is much."""

_decoder = FieldDecoder(_General)


class BrandState:
    """What is known of one brand, and what of it changed since the changes were last taken."""

    def __init__(self, config: FoldConfig, hash_key: bytes = b"") -> None:
        self._config = config
        self._hash_key = hash_key or hash_keys.fresh_key()
        self._clock_ms = 0
        self._bounds: Mapping[str, int] = {}
        self._window = Window(config.window_ms)
        self._stories = StoryBook(
            config.similarity_threshold, config.max_stories, config.label_similarity_threshold, config.window_ms
        )
        self._trend = Trend()
        self._flags = Flags()
        self._spikes = Spikes()
        self._moods = Moods()
        self._story_episodes = StoryEpisodes()
        self._chunk_summaries = ChunkSummaries()
        self._recent = RecentChunks()

    @classmethod
    def empty(cls, config: FoldConfig) -> BrandState:
        """The state of a brand that never had a chunk."""
        return cls(config)

    @classmethod
    def load(cls, config: FoldConfig, fields: Mapping[bytes, bytes]) -> BrandState:
        """The state that *fields* of the state hash hold; without fields the empty one.

        What an older version wrote is changed as a whole: the next commit writes it in the present format.

        Raises:
            InvalidStateError: a field is damaged, or the format is too old.
            NewerStateError: a newer version wrote it.
        """
        state = cls(config)
        if not fields:
            return state
        values, sealed = _unsealed(fields)
        try:
            general = state._restore(values)
            # To the time of the last commit: it tells every part where its window began then.
            state.advance(general.clock_ms)
            if not sealed:
                # What an older version wrote is vouched for by nothing but that a summary can be made of it.
                state.summary("", 0, 0, 0)
            if general.format != config.formats.written or not sealed:
                state.rewrite()
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InvalidStateError(f"the state cannot be loaded: {_told(error)}") from error
        return state

    @classmethod
    def reanchored(
        cls, config: FoldConfig, fields: Mapping[bytes, bytes], now_ms: int
    ) -> tuple[BrandState, Reanchoring | None]:
        """The state that *fields* hold with nothing of it later than *now_ms*, and what that changed; None: nothing.

        For a state that a wrong clock took into the future (:func:`lies_ahead`). What was counted there is counted in
        the present quarter of an hour, as a chunk is that comes without a usable time, so all sums stay. What the
        clock let leave the state on its way there is gone; what is still kept to be compared with counts again.
        The next commit writes the state as a whole. Source: ``docs/redis-protocol.md``, section "Clocks".

        Raises:
            InvalidStateError, NewerStateError: as :meth:`load`.
        """
        state = cls.load(config, fields)
        if not lies_ahead(state.clock_ms, now_ms):
            return state, None
        state = cls(config)
        return state, state._reanchor(_unsealed(fields)[0], Present(now_ms))

    @property
    def config(self) -> FoldConfig:
        """With which it folds."""
        return self._config

    @property
    def clock_ms(self) -> int:
        """The latest time that it was advanced to, Unix ms; 0 before the first."""
        return self._clock_ms

    @property
    def bounds(self) -> Mapping[str, int]:
        """The settings that bounded it when it was stored, by name; empty if it does not tell."""
        return self._bounds

    @property
    def story_count(self) -> int:
        """How many stories are kept."""
        return len(self._stories)

    def story_views(self) -> Mapping[int, StoryView]:
        """The stories that are kept, by their keys, the largest first."""
        stories = self._stories.largest(len(self._stories))
        return {story.key: StoryView.of(story) for story in stories}

    def story_panes(self, key: int) -> frozenset[int]:
        """The panes in which the story of that key has something."""
        return frozenset(pane for pane, *_ in self._stories.records[key].panes())

    def topic_views(self) -> Sequence[TopicView]:
        """The topics that a summary shows."""
        return self._window.heaviest_topics(MAX_TOPICS_SHOWN)

    @property
    def totals(self) -> tuple[int, int]:
        """Chunks and mentions of the window."""
        return self._window.total.chunks, self._window.total.mentions

    def totals_of_hour(self, hour: int) -> tuple[int, int]:
        """Chunks and mentions of an hour since the epoch, as the trend has them."""
        tally = self._trend.hour(hour)
        return tally.chunks, tally.mentions

    @property
    def first_pane(self) -> int:
        """The oldest pane of the window."""
        return first_pane(self._clock_ms, self._config.window_ms)

    @property
    def held_bytes(self) -> int:
        """Bytes that it takes in memory, at rest and after :meth:`take_changes`.

        Each part says its own. What grows is counted as it grows, so the work does not depend on stories, ids or words.
        Source of the constants: measured; ``tests/brand/test_held_bytes.py`` compares with what the allocators give.
        """
        return (
            _BASE_BYTES
            + self._stories.held_bytes()
            + self._window.held_bytes()
            + self._trend.held_bytes()
            + self._spikes.held_bytes()
            + self._moods.held_bytes()
            + self._story_episodes.held_bytes()
            + self._chunk_summaries.held_bytes()
        )

    def rest(self) -> None:
        """Let go of what only a fold needs; the state stays what it is, and the next fold may come at any time."""
        self._stories.rest()

    @property
    def hashing(self) -> Hashing:
        """How a batch that is to be folded must have been hashed; what was right stays right."""
        return Hashing(self._hash_key, self._stories.has_old_ids())

    def fold(self, batch: ChunkBatch, now_ms: int, watch: Watch | None = None) -> FoldReport:
        """Fold *batch* as of *now_ms*, in the order of its chunks; advances first.

        The state is the same whether somebody watches or not; who does is told what each chunk added.

        Raises:
            ValueError: its mention ids were hashed under another key than the brand's, and would all look new.
        """
        if batch.mentions.hashing.key != self._hash_key:
            raise ValueError("the batch was not hashed under the key of this state")
        # First: chunks are stamped, and counted or not, against the time that this sets.
        self.advance(now_ms)
        chunks = batch.chunks
        if not chunks:
            return FoldReport()
        stamps = stamp_all(chunks, self._clock_ms, self._config.window_ms)
        counts = batch.mentions.counts
        measures = measure(chunks, counts)
        mentions = measures.mentions
        self._flags.fold(chunks, stamps.times, self._clock_ms)
        self._recent.fold(chunks, stamps.times, mentions, counts)
        odd = look_through(chunks, measures)
        late = stamps.late
        if watch is not None:
            self._stories.joined = []
        if not late:
            clusters = self._fold_window(batch, stamps.times, measures, odd)
        else:
            clusters = self._fold_apart(batch, stamps, mentions, odd)
        if watch is not None:
            joined, self._stories.joined = self._stories.joined, None
            watch(counted(batch, stamps, measures, joined or ()))
        self._explain(counted=True)
        # A retimed chunk is stamped with the present, so the least is another one's, if there is another one.
        oldest_ms = min(stamps.times) if stamps.retimed < len(chunks) else 0
        return FoldReport(
            len(chunks),
            sum(mentions),
            clusters,
            stamps.retimed,
            len(late),
            stamps.zoneless,
            len(odd.implausible),
            oldest_ms,
        )

    def _fold_apart(self, batch: ChunkBatch, stamps: Stamps, mentions: list[int], odd: Oddities) -> int:
        """Count the late chunks of *batch* in the trend and the others in the window; returns their clusters."""
        late = stamps.late
        panes = [stamps.times[place] // PANE_MS for place in late]
        chunks = [batch.chunks[place] for place in late]
        self._trend.fold(tally_by_pane(panes, chunks, [mentions[place] for place in late], odd.of(late)))
        left = sorted(set(range(len(mentions))).difference(late))
        if not left:
            return 0
        kept = batch.keep(left)
        measures = measure(kept.chunks, kept.mentions.counts)
        return self._fold_window(kept, [stamps.times[place] for place in left], measures, odd.of(left))

    def _fold_window(self, batch: ChunkBatch, times: list[int], measures: Measures, odd: Oddities) -> int:
        """Count a *batch* whose chunks all lie in the window, as of *times*; returns how many clusters it has."""
        chunks = batch.chunks
        panes = [at_ms // PANE_MS for at_ms in times]
        self._trend.fold(self._window.fold(panes, chunks, measures, odd))
        self._spikes.fold(panes, measures.mentions)
        self._moods.begin(pane_of(self._clock_ms))
        self._story_episodes.begin(pane_of(self._clock_ms))
        self._chunk_summaries.fold(chunks, panes)
        return self._stories.fold_batch(batch, times, panes, measures)

    def advance(self, now_ms: int) -> None:
        """Let what is too old at *now_ms* leave; an earlier time than the last one changes nothing."""
        if now_ms <= self._clock_ms:
            return
        self._clock_ms = now_ms
        self._settle(pane_of(now_ms))
        first = first_pane(now_ms, self._config.window_ms)
        self._window.advance(first)
        self._stories.advance(first)
        self._chunk_summaries.advance(first)
        self._trend.advance(now_ms)
        self._flags.advance(now_ms)
        self._spikes.advance(now_ms)
        self._explain(counted=False)

    def _settle(self, now: int) -> None:
        """Judge the panes that time has settled; first of all, because what leaves now belongs to some of them."""
        window, stories = self._window, self._stories
        self._moods.advance(now, window.negative_in, lambda panes: find_mood_drivers(stories, window, panes))
        self._story_episodes.advance(
            now,
            lambda pane, count: Pane(window.mentions_in(pane), stories.largest_in(pane, count)),
            stories.records.get,
            lambda story, panes: find_story_drivers(stories, window, story, panes),
        )

    def _explain(self, *, counted: bool) -> None:
        """Look for the drivers of an open episode; *counted* says whether chunks just were."""
        panes = self._spikes.in_question(counted=counted)
        if panes is not None:
            self._spikes.explain(find_drivers(self._stories, self._window, panes))

    def take_changes(self) -> Changes:
        """What has to be committed since the last call, and forget that it changed.

        After a commit that fails for good, Redis lacks what was taken: drop the state and load it again.
        """
        put: dict[bytes, bytes] = {GENERAL_FIELD: self._encode_general()}
        remove: list[bytes] = []
        self._window.take_changes(put, remove)
        self._chunk_summaries.take_changes(put)
        self._trend.expect(self._spikes.take_ahead())
        trend_put, trend_remove = self._trend.take_changes(put, remove)
        spikes, alerts = self._spikes.take_changes(put, remove)
        moods, mood_alerts = self._moods.take_changes(put, remove)
        story_episodes, story_alerts = self._story_episodes.take_changes(put, remove)
        self._stories.take_changes(put, remove)
        recent = self._recent.take_changes()
        seal_all(put)
        return Changes(
            put=put,
            remove=remove,
            trend_put=trend_put,
            trend_remove=trend_remove,
            spikes=spikes,
            moods=moods,
            stories=story_episodes,
            recent=recent,
            due_ms=self.due_ms(),
            alerts=[*alerts, *mood_alerts, *story_alerts],
        )

    def rewrite(self) -> None:
        """Let every part write all its fields with the next changes, because others wrote what is there."""
        self._window.rewrite()
        self._stories.rewrite()
        self._trend.rewrite()
        self._spikes.rewrite()
        self._moods.rewrite()
        self._story_episodes.rewrite()
        self._chunk_summaries.rewrite()

    def summary(self, brand: str, now_ms: int, epoch: int, version: int) -> bytes:
        """The summary as JSON, as of *now_ms* or the state's own time, whichever is later; advances first."""
        self.advance(now_ms)
        start_ms = first_pane(self._clock_ms, self._config.window_ms) * PANE_MS
        findings = Findings(
            tally=self._window.total,
            topics=self._window.heaviest_topics(MAX_TOPICS_SHOWN),
            stories=self._stories.listed(
                MAX_STORIES_SHOWN, pane_of(self._clock_ms), watched=self._window.watched_before
            ),
            story_count=len(self._stories),
            in_no_story=self._window.in_no_story,
            flagged=bool(self._flags),
            episode=self._spikes.open_episode(),
            mood=self._moods.open_episode(),
            story_episodes=self._story_episodes.open_episodes(),
            chunk_summaries=self._chunk_summaries.newest(),
            changes=self._window.changes(),
        )
        return encode_summary(Heading(brand, self._clock_ms, start_ms, epoch, version), findings)

    def due_ms(self) -> int:
        """When the summary changes next without new chunks, Unix ms; 0 = never."""
        first = self._window.due_first()
        window_ms = None if first is None else first * PANE_MS + self._config.window_ms
        listed = self._stories.due_pane(pane_of(self._clock_ms), self._window.newest)
        listed_ms = None if listed is None else listed * PANE_MS
        newest = self._window.newest
        settling = [
            pane * PANE_MS
            for pane in (self._moods.due_pane(newest), self._story_episodes.due_pane(newest))
            if pane is not None
        ]
        dues = (window_ms, listed_ms, self._flags.due_ms(), self._spikes.due_ms(), *settling)
        return min((due_ms for due_ms in dues if due_ms is not None), default=0)

    def _restore(self, fields: Mapping[bytes, bytes]) -> _General:
        """Have every part as *fields* hold it, at no time yet."""
        config = self._config
        general = _read_general(fields, config.formats)
        self._hash_key = general.hash_key or self._hash_key
        if general.window_ms > 0 and general.max_stories > 0:
            self._bounds = {"SUMMARY_WINDOW_SEC": general.window_ms // 1000, "MAX_STORIES": general.max_stories}
        self._window = Window.load(config.window_ms, fields, general.since_pane)
        self._stories = StoryBook.load(
            config.similarity_threshold,
            config.max_stories,
            fields,
            config.label_similarity_threshold,
            self._hash_key,
            config.window_ms,
        )
        if not general.hash_key and self._stories.has_keyed_ids():
            raise InvalidStateError(f"state field {GENERAL_FIELD!r} lacks the key of the mention ids")
        self._trend = Trend.load(fields)
        self._flags = Flags(general.flag_minutes)
        self._spikes = Spikes.load(fields, general.clock_ms)
        self._moods = Moods.load(fields)
        self._story_episodes = StoryEpisodes.load(fields)
        self._chunk_summaries = ChunkSummaries.load(fields)
        return general

    def _reanchor(self, fields: Mapping[bytes, bytes], present: Present) -> Reanchoring:
        clock_ms = self._restore(fields).clock_ms
        chunks, mentions = self._window.reanchor(present)
        episodes = self._spikes.reanchor(present)
        episodes += self._moods.reanchor(present) + self._story_episodes.reanchor(present)
        stories = self._stories.reanchor(present)
        self._trend.reanchor(present)
        self._flags.reanchor(present)
        self._chunk_summaries.reanchor(present)
        self.advance(present.now_ms)
        self.rewrite()
        return Reanchoring(clock_ms, present.now_ms, chunks, mentions, stories, episodes)

    def _encode_general(self) -> bytes:
        config = self._config
        told = (config.formats.written, self._clock_ms, self._window.since, self._flags.minutes, self._hash_key)
        return pack(_General(*told, config.window_ms, config.max_stories))


def lies_ahead(clock_ms: int, now_ms: int) -> bool:
    """Whether a state of *clock_ms* lies in the future at *now_ms*, further than clocks of one fleet are apart."""
    return clock_ms > now_ms + MAX_AHEAD_MS


def _unsealed(fields: Mapping[bytes, bytes]) -> tuple[Mapping[bytes, bytes], bool]:
    """The values without their seals, and whether they had any: a state of an older version has none.

    Raises:
        InvalidStateError: a field is not what was committed under its name.
    """
    if not is_sealed(GENERAL_FIELD, fields.get(GENERAL_FIELD, b"")):
        return fields, False
    return unseal_all(fields, bare=IDS_PREFIX), True


def _told(error: Exception) -> str:
    """What *error* says and where it was raised, because whoever reads that has no traceback."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"


def _read_general(fields: Mapping[bytes, bytes], formats: Formats) -> _General:
    value = fields.get(GENERAL_FIELD)
    if value is None:
        raise InvalidStateError(f"state field {GENERAL_FIELD!r} is missing: not a state of ours")
    general = _decoder.read(GENERAL_FIELD, value)
    # In acquire, too. This one is for a state that somebody put there without its meta hash.
    if general.format > formats.written:
        raise NewerStateError(f"the state has format {general.format}, and this version knows {formats.written}")
    if general.format < formats.oldest:
        raise OldStateError(f"the state has format {general.format}, too old for this version")
    if len(general.hash_key) not in {0, hash_keys.KEY_BYTES}:
        raise InvalidStateError(f"state field {GENERAL_FIELD!r} has a key of {len(general.hash_key)} bytes")
    return general
