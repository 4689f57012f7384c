"""What goes out of the image's environment, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import slim


def test_of_the_extras_packages_only_what_nobody_demands_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Services that are no bucket and give no keys to one, and ways to servers that nobody here takes."""
    monkeypatch.setattr(slim, "with_extras", lambda: True)
    stays = {
        *(f"botocore/data/{name}/2020/service.json" for name in slim.OF_BUCKETS),
        "botocore/data/endpoints.json",
        "pyarrow/libarrow.so.2600",
        "pyarrow/libarrow_substrait.so.2600",
        "pyarrow/lib.so",
    }
    goes = {"botocore/data/ec2", "pyarrow/libarrow_flight.so.2600", "pyarrow/_s3fs.so"}
    for name in stays | goes:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "botocore/data/ec2").unlink()
    (tmp_path / "botocore/data/ec2").mkdir()
    assert {str(path.relative_to(tmp_path)) for path in slim.superfluous(tmp_path)} == goes
