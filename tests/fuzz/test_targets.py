"""The fuzz targets themselves: they run, and they notice a kernel that errs."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("orchestrator._merge") is None:
    pytest.skip("no compiled kernel on this machine", allow_module_level=True)

from orchestrator.kernels import fold_py, merge_py, scan_py
from tests.fuzz import targets


@pytest.mark.parametrize("name", targets.TARGETS)
@pytest.mark.parametrize("seed", range(25))
def test_target_finds_no_difference(name: str, seed: int) -> None:
    """A few seeds of every target, so that the long run cannot rot."""
    targets.TARGETS[name](seed)


ERRORS: list[tuple[str, object, str, object]] = [
    ("scan", scan_py, "decode_items", lambda *_arguments: ([], [], [], None, None)),
    ("stories", merge_py.StoryIndex, "dump", lambda _index, _key: (b"", ["?"], b"", 0, 0.0)),
    ("mentions", fold_py.MentionIds, "add", lambda *_: -1),
    ("segments", fold_py, "rescue_ids", lambda _stories, _parts: (b"?", b"")),
    ("segments", fold_py, "take_new_ids", lambda _stories: (b"", b"", -1)),
    ("loads", fold_py.StoredStories, "take", lambda *_: b""),
    ("segments", fold_py, "pack_stories", lambda _stories, _index, _removed: (b"", [])),
]


@pytest.mark.parametrize(("name", "owner", "attribute", "wrong"), ERRORS)
def test_target_notices_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch, name: str, owner: object, attribute: str, wrong: object
) -> None:
    """A twin that errs is found out, and the seed is named."""
    monkeypatch.setattr(owner, attribute, wrong)
    with pytest.raises(AssertionError, match=f"{name}, seed 1"):
        targets.TARGETS[name](1)
