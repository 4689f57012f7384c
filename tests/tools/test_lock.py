"""The lock: it fits what the project asks for, holds on all supported ground, and names no index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, cast

import pytest
from packaging.markers import Environment
from packaging.pylock import PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name

from tools import lock

GLIBC = [f"manylinux_2_{minor}" for minor in range(34, 4, -1)] + ["manylinux2014", "manylinux2010", "manylinux1"]
GROUND = {
    "linux x86_64": [f"{libc}_x86_64" for libc in GLIBC],
    "linux aarch64": [f"{libc}_aarch64" for libc in GLIBC],
    "darwin arm64": list(mac_platforms((15, 0), "arm64")),
}


def load(name: str) -> dict[str, Any]:
    """The lock file *name*."""
    return tomllib.loads((lock.ROOT / name).read_text())


def environment(minor: int, ground: str) -> Environment:
    """What markers ask of CPython 3.*minor* on *ground*."""
    system, machine = ground.split()
    told = {
        "implementation_name": "cpython",
        "implementation_version": f"3.{minor}.5",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": system.capitalize(),
        "python_full_version": f"3.{minor}.5",
        "python_version": f"3.{minor}",
        "sys_platform": system,
    }
    return cast("Environment", told)


def tags(minor: int, ground: str) -> Iterator[Tag]:
    """What CPython 3.*minor* installs on *ground*, the best first."""
    yield from cpython_tags((3, minor), None, GROUND[ground])
    yield from compatible_tags((3, minor), f"cp3{minor}", GROUND[ground])


@pytest.mark.parametrize("ground", GROUND)
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
@pytest.mark.parametrize("name", lock.LOCKS)
def test_lock_holds_a_wheel_of_everything_that_is_asked_for(name: str, minor: int, ground: str) -> None:
    """An installer finds a version within each bound and needs no compiler, on every Python and platform."""
    chosen = Pylock.from_dict(load(name)).select(environment=environment(minor, ground), tags=list(tags(minor, ground)))
    found = {package.name: (package.version, archive) for package, archive in chosen}
    assert [key for key, (_, archive) in found.items() if not isinstance(archive, PackageWheel)] == []
    for text in lock.wanted(lock.LOCKS[name]):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(
            cast("dict[str, str]", environment(minor, ground))
        ):
            version, _ = found[canonicalize_name(requirement.name)]
            assert version is not None
            assert version in requirement.specifier


@pytest.mark.parametrize("name", lock.LOCKS)
def test_requirements_of_a_lock_are_exact_and_hashed(name: str) -> None:
    """Each line is one that pip takes with --require-hashes, with every hash of the lock."""
    told = load(name)
    lines = list(lock.requirements(told))
    assert len(lines) == len(told["packages"])
    for line, package in zip(lines, told["packages"], strict=True):
        text, *hashes = line.removesuffix("\n").split(" --hash=")
        assert str(Requirement(text).specifier) == f"=={package['version']}"
        archives = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert hashes == [f"sha256:{archive['hashes']['sha256']}" for archive in archives]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)
        assert hashes


@pytest.mark.parametrize("name", lock.LOCKS)
def test_lock_names_no_index(name: str) -> None:
    """Any mirror serves: nothing in the file is an address."""
    assert "://" not in (lock.ROOT / name).read_text()


RESOLVED = {
    "packages": [
        {
            "name": "fast",
            "version": "1.0+local",
            "marker": "python_full_version >= '3.11'",
            "sdist": {"url": "https://files.test/fast-1.0.tar.gz", "hashes": {"sha256": "0" * 64}},
            "wheels": [
                {"url": f"https://files.test/fast-1.0%2Blocal-{tag}.whl", "hashes": {"sha256": f"{number}" * 64}}
                for number, tag in enumerate(
                    (
                        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
                        "cp38-abi3-musllinux_1_2_aarch64",
                        "py2.py3-none-any",
                        "cp313-cp313t-manylinux_2_17_x86_64",
                        "cp310-cp310-manylinux_2_17_x86_64",
                        "cp312-cp312-win_amd64",
                        "cp312-cp312-manylinux_2_17_ppc64le",
                        "pp311-pypy311_pp73-manylinux_2_17_x86_64",
                    )
                )
            ],
        },
        {"name": "rare", "version": "2", "marker": "python_version < '3.12'", "wheels": []},
    ]
}


def test_document_keeps_the_archives_of_the_supported_ground() -> None:
    """Without addresses; a marker stays where it says something."""
    written = tomllib.loads(lock.document(RESOLVED))
    fast, rare = written["packages"]
    assert [wheel["path"].removeprefix("wheelhouse/fast-1.0+local-") for wheel in fast["wheels"]] == [
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "cp38-abi3-musllinux_1_2_aarch64.whl",
        "py2.py3-none-any.whl",
    ]
    assert fast["sdist"] == {"path": "wheelhouse/fast-1.0.tar.gz", "hashes": {"sha256": "0" * 64}}
    assert "marker" not in fast
    assert rare == {"name": "rare", "version": "2", "marker": "python_version < '3.12'"}


def test_lock_told_nothing_to_do_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is a usage error."""
    assert lock.main(["renew"]) == 2
    assert "requirements pylock.toml" in capsys.readouterr().err
    assert lock.main(["requirements", "pylock.toml"]) == 0
    assert "\ntrio==" in capsys.readouterr().out
