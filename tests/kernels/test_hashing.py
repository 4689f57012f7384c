"""The hash of texts: both twins give the same, for ever."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from orchestrator.kernels.hashing_py import hash_text
from tests.kernels.support import COMPILED

TWINS = ["orchestrator.kernels.hashing_py", *(["orchestrator.kernels._fold"] if COMPILED else [])]


@pytest.fixture(params=TWINS, scope="module")
def twin(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


@pytest.mark.parametrize("text", ["", "m1", "12345678", "123456789", "größer", "🚀" * 9, "x" * 1000])
def test_hash_text_is_the_same_everywhere(twin: ModuleType, text: str) -> None:
    """Both twins hash alike; stored state depends on it."""
    assert twin.hash_text(text) == hash_text(text)


def test_hash_text_never_changes(twin: ModuleType) -> None:
    """The hashes in stored state stay valid from release to release."""
    assert [twin.hash_text(text) for text in ("", "m1", "größer Straße")] == [
        0x042E8C22CBD19ACC,
        0x9F211EAE56DACFC9,
        0x9536A5D661A7C426,
    ]
