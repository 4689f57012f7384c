"""Running commands as a user does, against the session's private Redis, apart from everything else on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.program import program
from orchestrator.settings.load import KNOWN_NAMES

Invoke = Callable[..., Result]

_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def _only_our_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from an environment and a directory without settings."""
    for name in KNOWN_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry_key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a key for registered brands that no other test uses, and configure it."""
    key = f"brands:test:{os.getpid()}:{next(_NUMBERS)}"
    monkeypatch.setenv("BRAND_LIST_KEY", key)
    return key


@pytest.fixture
def offline() -> Invoke:
    """Return a function that runs one command without any settings."""

    def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(program, arguments, input=stdin, prog_name="orchestrator")

    return invoke


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, redis_url: str, registry_key: str, offline: Invoke) -> Invoke:
    """Return a function that runs one command on the private Redis."""
    assert registry_key
    monkeypatch.setenv("REDIS_URL", redis_url)
    return offline
