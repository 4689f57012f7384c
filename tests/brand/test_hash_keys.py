"""A brand's key: nothing that anybody is told depends on it, and no state takes what was hashed under another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from orchestrator.brand.outputs import FoldConfig
from orchestrator.brand.state import GENERAL_FIELD, BrandState
from orchestrator.contract.chunk import Chunk
from orchestrator.kernels.hash_keys import KEY_BYTES, Hashing
from orchestrator.kernels.hashing import hash_text
from tests.brand.support import NOW_MS, Keys, batch_of, chunk, meaning, summary_of
from tests.brand.test_state import ROWS, SMALL, arrivals

KEYS = bytes(16), bytes(range(16))
TEXTS = "mnopq"
"""What the chunks of :func:`arrivals` list."""


def brand_under(key: bytes, rows: Sequence[tuple[Chunk, int]]) -> tuple[list[Any], Keys]:
    """What was told after each chunk, and what Redis holds in the end; the state is loaded anew now and then."""
    state, keys, told = BrandState(SMALL, key), Keys(), []
    for number, (one, now_ms) in enumerate(rows):
        report = state.fold(batch_of([one], ROWS, Hashing(key)), now_ms)
        changes = state.take_changes()
        keys.commit(changes)
        told.append((report, summary_of(state, now_ms), changes.due_ms, changes.alerts, changes.spikes))
        if number % 3 == 2:
            state = BrandState.load(SMALL, keys.state)
    return told, keys


def readable(keys: Keys, key: bytes) -> dict[bytes, object]:
    """What the state says, with the texts themselves in the place of their hashes."""
    texts = {hash_text(text, key).to_bytes(8, "little"): text for text in TEXTS}
    said: dict[bytes, Any] = {**meaning(keys.state, SMALL)}
    del said[GENERAL_FIELD]  # has the key
    for name in [name for name in said if name.startswith(b"story ")]:
        fields, ids = said[name]
        said[name] = fields, [texts[ids[at : at + 8]] for at in range(0, len(ids), 8)]
    return said


@given(rows=arrivals())
def test_nothing_depends_on_the_key(rows: list[tuple[Chunk, int]]) -> None:
    """The same chunks under two keys: the same summaries, trend, spikes, alerts and state, but for the hashes."""
    (told, keys), (other_told, other_keys) = (brand_under(key, rows) for key in KEYS)
    assert told == other_told
    assert (keys.trend, keys.spikes, keys.recent) == (other_keys.trend, other_keys.spikes, other_keys.recent)
    assert readable(keys, KEYS[0]) == readable(other_keys, KEYS[1])


def test_a_state_takes_no_batch_of_another_key() -> None:
    """Each of its ids would look new, whatever was counted before; and the state has not changed."""
    state = BrandState(FoldConfig(), KEYS[0])
    with pytest.raises(ValueError, match="was not hashed under the key of this state"):
        state.fold(batch_of([chunk()], hashing=Hashing(KEYS[1])), NOW_MS)
    assert summary_of(state)["totalChunks"] == 0


def test_the_key_of_a_brand_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made when the brand is founded, and taken along by whoever has the brand next."""
    made = (bytes([number]) * KEY_BYTES for number in itertools.count(1))
    monkeypatch.setattr("orchestrator.kernels.hash_keys.fresh_key", lambda: next(made))
    state = BrandState.empty(FoldConfig())
    loaded = BrandState.load(FoldConfig(), state.take_changes().put)
    assert state.hashing == loaded.hashing == Hashing(bytes([1]) * KEY_BYTES)
    assert BrandState.load(FoldConfig(), {}).hashing != state.hashing
