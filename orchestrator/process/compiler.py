"""Is there a C++ compiler on this machine? Asked where the compiled kernels are missing, to say what would help.

Owns the sentence that people are told; which kernels are in use is decided in ``kernels/choice.py``.
"""

from __future__ import annotations

import os
import shutil
from typing import Final

_NAMES: Final = ("c++", "g++", "clang++")

NONE_FOUND: Final = "no C++ compiler found: the slower Python kernels are used; apt install g++, then install again"
INSTALL_AGAIN: Final = "a C++ compiler is here: install the package again, and see what the build says"


def advice() -> str:
    """What to do about kernels that are missing: get a compiler, or install again with the one that is here."""
    words = os.environ.get("CXX", "").split()  # as builds read it: a launcher may come first, options may follow
    names = words[:1] or _NAMES
    return INSTALL_AGAIN if any(map(shutil.which, names)) else NONE_FOUND
