"""The fuzz targets themselves: they run, and they notice a kernel that errs."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("orchestrator._merge") is None:
    pytest.skip("no compiled kernel on this machine", allow_module_level=True)

from orchestrator import _fold_py
from tests.fuzz import targets


@pytest.mark.parametrize("name", targets.TARGETS)
@pytest.mark.parametrize("seed", range(25))
def test_target_finds_no_difference(name: str, seed: int) -> None:
    """A few seeds of every target, so that the long run cannot rot."""
    targets.TARGETS[name](seed)


def test_target_notices_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that forgets to count is found out, and the seed is named."""
    monkeypatch.setattr(_fold_py.MentionIds, "add", lambda _self, _batch: -1)
    with pytest.raises(AssertionError, match="seed 1"):
        targets.mentions(1)
