"""Builds the compiled kernels; everything else about the package stands in ``pyproject.toml``.

The kernels are optional: without a compiler the package installs all the same and
runs on the pure twin, and says so at start. ``ORCHESTRATOR_MERGE=cython`` in the
build's environment turns a failed build into a failed installation (the image
and CI set it); ``ORCHESTRATOR_MERGE=python`` skips the build.
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = (
    "orchestrator._merge",
    "orchestrator.kernels._digests",
    "orchestrator.kernels._fold",
    "orchestrator.kernels._measure",
    "orchestrator.kernels._scan",
)
HEADERS = "orchestrator/kernels"


def extensions() -> list[Extension]:
    """The extensions to build: none when the pure twins are asked for."""
    wanted = os.environ.get("ORCHESTRATOR_MERGE", "")
    if wanted == "python":
        return []
    kernels = [
        Extension(
            name,
            [f"{name.replace('.', '/')}.pyx"],
            include_dirs=[HEADERS],
            # all of them: a kernel is rarely touched alone, and a forgotten header is a stale kernel
            depends=sorted(map(str, Path(HEADERS).glob("*.h"))),
            language="c++",
            # no contraction: a fused multiply-add rounds once where the twin rounds twice;
            # no symbols: a tenth of the size
            extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off", "-g0", "-pthread"],
            extra_link_args=["-pthread"],
        )
        for name in KERNELS
    ]
    built: list[Extension] = cythonize(kernels, language_level=3)
    for extension in built:
        # cythonize() makes new Extension objects and resets this; test_packaging guards it
        extension.optional = wanted != "cython"
    return built


setup(ext_modules=extensions())
