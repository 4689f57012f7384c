"""Fixtures of the objects' tests: an archive in a folder, in a bucket of S3, and in any other place of fsspec."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from orchestrator.objects.objects import Objects
from tests.objects.bucket_server import NOWHERE, s3_server

__all__ = ["s3_server"]

_NUMBERS = itertools.count(1)


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder in a new bucket."""
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    bucket = f"archive-{next(_NUMBERS)}"
    with urlopen(Request(f"{s3_server}/{bucket}", method="PUT")):  # noqa: S310 - on this machine
        pass
    return f"s3://{bucket}/some/folder?endpoint_url={s3_server}&region=us-east-1"


@pytest.fixture(params=["file", "s3", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an archive may be."""
    if request.param == "file":
        (tmp_path / "archive").mkdir()
        return f"file://{tmp_path}/archive"
    if request.param == "memory":
        return f"memory://test-{next(_NUMBERS)}"
    found: str = request.getfixturevalue("s3_url")
    return found


@pytest.fixture
def objects(url: str) -> Iterator[Objects]:
    """An archive that is empty."""
    with Objects.open(url) as found:
        yield found
