"""What an image was built from: a record that lies in it, beside its bill of materials.

Owns the form of ``share/orchestrator/provenance.json``. It says the same for the same sources, so it has no time in it;
that somebody else can rely on it is the business of the attestations that a release makes.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path


def record(revision: str, base: str, files: list[Path]) -> dict[str, object]:
    """The record.

    Args:
        revision: of the sources, as the version control names it.
        base: the image that it was built on.
        files: what went into it: the wheel, the locks.
    """
    return {
        "revision": revision,
        "base": base,
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
        "files": {path.name: f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files},
    }


def main(arguments: list[str]) -> int:
    """Print the record of REVISION BASE FILE...; 2 where one of them is missing."""
    match arguments:
        case [revision, base, *files] if files:
            sys.stdout.write(json.dumps(record(revision, base, [Path(name) for name in files]), indent=2) + "\n")
            return 0
    sys.stderr.write("use: python tools/provenance.py REVISION BASE FILE...\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
