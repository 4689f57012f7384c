"""Bounds of work for tests of what could have no end: they fail at once where it has none."""

from __future__ import annotations

from typing import Any

import pytest


def at_most(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, calls: int) -> None:
    """Have a function of *owner*, a class or a module, fail after so many *calls*."""
    left, real = [None] * calls, getattr(owner, name)

    def bounded(*args: Any, **named: Any) -> Any:
        assert left, f"{name} was called more than {calls} times"
        left.pop()
        return real(*args, **named)

    monkeypatch.setattr(owner, name, bounded)
