"""What workers in every language must agree on, as it is checked in."""

from __future__ import annotations

from tests.worker import cases


def test_cases_are_current() -> None:
    """The file is what Python and the service say; write it anew with `make schemas`."""
    assert cases.FILE.read_text(encoding="utf-8") == cases.text()
