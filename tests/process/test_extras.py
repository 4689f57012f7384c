"""What is missing is brought here by pip, and into the image, which has none, by building it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.contract.archive_url import parse_archive_url
from orchestrator.errors import ArchiveError
from orchestrator.objects.bucket import check_installed
from orchestrator.process.extras import BUILT, extra_helps, in_image, package_helps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment as the image has it."""
    (tmp_path / BUILT).parent.mkdir(parents=True)
    (tmp_path / BUILT).write_text("{}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))


def test_outside_of_the_image_pip_helps() -> None:
    """With the name of the extra, or of the package that no extra has."""
    assert not in_image()
    assert extra_helps("dask") == "the extra dask is missing: pip install 'service3-orchestrator[dask]'"
    assert package_helps("gcsfs") == "pip install gcsfs"


@pytest.mark.usefixtures("image")
def test_in_the_image_a_build_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no pip in it; whoever reads it is told of the argument."""
    assert in_image()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ArchiveError, match=r"without the extra archive: .* --build-arg LOCK=pylock.archive.toml$"):
        check_installed(parse_archive_url("s3://bucket"))
    with pytest.raises(ArchiveError, match="gcsfs, which no lock of the image has") as caught:
        check_installed(parse_archive_url("gs://bucket"))
    assert "pip" not in str(caught.value)


def test_build_has_the_record_and_the_lock_that_are_spoken_of() -> None:
    """And the lock brings both extras."""
    built = (ROOT / "Dockerfile").read_text()
    assert f"/opt/orchestrator/{BUILT}" in built
    assert "ARG LOCK=" in built
    lock = (ROOT / "pylock.archive.toml").read_text()
    assert all(f'name = "{package}"' in lock for package in ("s3fs", "pyarrow", "distributed"))
