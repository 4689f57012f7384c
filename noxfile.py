"""The tests on every supported Python: ``nox``, or ``nox -s tests-3.13 -- tests/store`` for some of them on one.

A Python that is not on this machine is skipped, and nox says so. Each gets an environment of its own, from the lock.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests, or those that are named after ``--``, with the kernels compiled for this Python."""
    requirements = Path(session.create_tmp()) / "requirements.txt"
    with requirements.open("w") as file:
        session.run("python", "-m", "tools.lock", "requirements", "pylock.dev.toml", stdout=file)
    session.install("--quiet", "--require-hashes", "--requirement", str(requirements))
    # Kernels of several Pythons lie beside each other, each with its Python in its name.
    session.install("--quiet", "--no-build-isolation", "--no-deps", "--editable", ".")
    session.run("pytest", *(session.posargs or ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")))
