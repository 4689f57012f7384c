"""The lock: exact versions of everything that is installed here, with the hash of every file.

Owns five files of PEP 751 that hold for every supported Python and platform: ``pylock.toml`` (the service with its
extra ``embedded``, and what builds it), ``pylock.archive.toml`` (that and the extras ``archive`` and ``dask``),
``pylock.dev.toml`` (the first and the extra ``dev``), ``pylock.release.toml`` (the tools of a release alone) and
``pylock.docs.toml`` (the builder of the documents' site).
``make lock`` writes them, uv resolves. Installing needs the standard library and pip alone::

    python -m tools.lock requirements pylock.toml > requirements.txt
    pip install --require-hashes --requirement requirements.txt

The files name no index, so that any mirror serves: each names its archive by a path into a folder ``wheelhouse``, which
``pip download`` fills for those who install without a network. See ``docs/decisions/0086-a-lock-with-hashes.md``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
OLDEST: Final = "3.11"
LOCKS: Final = {
    "pylock.toml": ("", "embedded", "build"),
    "pylock.archive.toml": ("", "embedded", "build", "archive", "dask"),
    "pylock.dev.toml": ("", "embedded", "build", "dev"),
    "pylock.release.toml": ("release",),
    "pylock.docs.toml": ("docs",),
}
"""The files, and whose requirements each holds: the project's own (""), its build's ("build"), an extra's."""

# CPython from 3.11 to 3.14 with the lock of its interpreter, on Linux and macOS, x86-64 and arm64. Wheels for other
# ground would double the files; there pip builds from the sdist, whose hash is in the lock, too.
_TAGS: Final = re.compile(
    r"-(?:(?:py2\.)?py3[0-9]*(?:\.py3[0-9]*)*-none|cp31[1-4]-cp31[1-4]|cp3[0-9]+-abi3)"
    r"-(?:any|(?:manylinux|musllinux)\w+_(?:x86_64|aarch64)(?:\.\w+)*|macosx_\w+_(?:x86_64|arm64|universal2))\.whl$"
)
_ALWAYS: Final = f"python_full_version >= '{OLDEST}'"


def main(arguments: list[str]) -> int:
    """Run ``write`` or ``requirements FILE``.

    Returns:
        The exit code: 0, or 2 for an unknown command.
    """
    match arguments:
        case ["write"]:
            for name, groups in LOCKS.items():
                (ROOT / name).write_text(document(tomllib.loads(resolve(wanted(groups)))))
        case ["requirements", name]:
            sys.stdout.write("".join(requirements(tomllib.loads((ROOT / name).read_text()))))
        case _:
            sys.stderr.write("use: python -m tools.lock write | requirements pylock.toml\n")
            return 2
    return 0


def wanted(groups: Iterable[str]) -> list[str]:
    """The requirements of *groups*, as ``pyproject.toml`` states them."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named: dict[str, list[str]] = {
        "": told["project"]["dependencies"],
        "build": told["build-system"]["requires"],
        **told["project"]["optional-dependencies"],
    }
    return [requirement for group in groups for requirement in named[group]]


def resolve(requirements: Iterable[str]) -> str:
    """The newest versions that fit *requirements* and each other, in the form of PEP 751.

    Raises:
        CalledProcessError: uv found no such set, or no index.
    """
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST, "--no-header"]
    command += ["--format", "pylock.toml", "-"]
    done = subprocess.run(
        command, cwd=ROOT, input="\n".join(requirements), check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def document(resolved: Mapping[str, Any]) -> str:
    """*resolved* as the lock is written: without addresses, with the archives that the supported ground needs."""
    lines = [
        "# Written by `make lock`: what is installed here, with the hash of every file (PEP 751).",
        'lock-version = "1.0"',
        'created-by = "uv"',
        f'requires-python = ">={OLDEST}"',
    ]
    for package in resolved["packages"]:
        lines += ["", "[[packages]]", f'name = "{package["name"]}"', f'version = "{package["version"]}"']
        if package.get("marker", _ALWAYS) != _ALWAYS:
            lines.append(f'marker = "{package["marker"]}"')
        if "sdist" in package:
            lines.append(f"sdist = {_archive(package['sdist'])}")
        wheels = [wheel for wheel in package.get("wheels", []) if _TAGS.search(_name(wheel))]
        if wheels:
            lines += ["wheels = [", *(f"    {_archive(wheel)}," for wheel in wheels), "]"]
    return "\n".join(lines) + "\n"


def requirements(lock: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a requirements file: each package of *lock* at its version, with the hashes of its archives."""
    for package in lock["packages"]:
        archives = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        marker = f" ; {package['marker']}" if "marker" in package else ""
        hashes = "".join(f" --hash=sha256:{archive['hashes']['sha256']}" for archive in archives)
        yield f"{package['name']}=={package['version']}{marker}{hashes}\n"


def _name(archive: Mapping[str, Any]) -> str:
    """The file's name, with what an address escapes in it."""
    return str(archive.get("url") or archive["path"]).rsplit("/", 1)[-1].replace("%2B", "+")


def _archive(archive: Mapping[str, Any]) -> str:
    return f'{{ path = "wheelhouse/{_name(archive)}", hashes = {{ sha256 = "{archive["hashes"]["sha256"]}" }} }}'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
