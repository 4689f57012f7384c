"""Builds the compiled kernels; everything else about the package stands in ``pyproject.toml``.

The kernels are optional: without a compiler the package installs all the same and
runs on the pure twin, and says so at start. ``ORCHESTRATOR_MERGE=cython`` in the
build's environment turns a failed build into a failed installation (the image
and CI set it); ``ORCHESTRATOR_MERGE=python`` skips the build.
"""

from __future__ import annotations

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = {
    "_fold": ["_fold_ids.h", "_hash.h", "_msgpack.h"],
    "_merge": [
        "_dispatch.h",
        "_merge_block.h",
        "_merge_filter.h",
        "_merge_loops.h",
        "_merge_products.h",
        "_merge_rounding.h",
        "_msgpack.h",
    ],
    "_splice": ["_hash.h", "_splice_batch.h", "_splice_mentions.h", "_splice_scan.h"],
}


def extensions() -> list[Extension]:
    """The extensions to build: none when the pure twin is asked for."""
    wanted = os.environ.get("ORCHESTRATOR_MERGE", "")
    if wanted == "python":
        return []
    kernels = [
        Extension(
            f"orchestrator.{name}",
            [f"orchestrator/{name}.pyx"],
            depends=[f"orchestrator/{header}" for header in headers],
            language="c++",
            # no contraction: a fused multiply-add rounds once where the twin rounds twice;
            # no symbols: a tenth of the size
            extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off", "-g0", "-pthread"],
            extra_link_args=["-pthread"],
        )
        for name, headers in KERNELS.items()
    ]
    built: list[Extension] = cythonize(kernels, language_level=3)
    for extension in built:
        # cythonize() makes new Extension objects and resets this; test_packaging guards it
        extension.optional = wanted != "cython"
    return built


setup(ext_modules=extensions())
