"""Whoever runs on the pure kernels is told what would help on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.process.compiler import INSTALL_AGAIN, NONE_FOUND, advice


@pytest.mark.parametrize(
    ("program", "chosen", "told"),
    [
        ("", "", NONE_FOUND),
        ("g++", "", INSTALL_AGAIN),
        ("clang++", "", INSTALL_AGAIN),
        ("g++", "/nonexistent/c++", NONE_FOUND),  # builds take the chosen one and no other
        ("mine", "mine -O2", INSTALL_AGAIN),
    ],
)
def test_advice_is_a_compiler_or_another_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, chosen: str, told: str
) -> None:
    """Without a compiler it names the package that brings one."""
    if program:
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", chosen)
    assert advice() == told


def test_advice_names_the_package_that_brings_a_compiler() -> None:
    """The sentence stands in documents as well."""
    assert NONE_FOUND.startswith("no C++ compiler found: the slower Python kernels are used; apt install g++")
