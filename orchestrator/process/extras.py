"""How an extra of this project gets to where it is missing: by pip, or in the image, which has no pip, by building it.

Owns these words and nothing else; who looks whether a package is there does so itself.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

BUILT: Final = Path("share", "orchestrator", "provenance.json")
"""Where the image has the record of its build, from the environment on; nothing else has it."""


def in_image(prefix: str = "") -> bool:
    """Whether this runs out of the image."""
    return (Path(prefix or sys.prefix) / BUILT).is_file()


def extra_helps(extra: str) -> str:
    """What brings the missing *extra* here; the lock of the archive has all that are of use in an image."""
    if in_image():
        return f"this image was built without the extra {extra}: build it with --build-arg LOCK=pylock.archive.toml"
    return f"the extra {extra} is missing: pip install 'service3-orchestrator[{extra}]'"


def package_helps(package: str) -> str:
    """What brings *package* here, which is of no extra."""
    if in_image():
        return f"{package}, which no lock of the image has: build one on it that has it"
    return f"pip install {package}"
