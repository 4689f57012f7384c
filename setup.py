"""Builds the compiled kernels; everything else about the package stands in ``pyproject.toml``.

The kernels are optional: without a compiler the package installs all the same and
runs on the pure twin, and says so at start. ``ORCHESTRATOR_MERGE=cython`` in the
build's environment turns a failed build into a failed installation (the image
and CI set it); ``ORCHESTRATOR_MERGE=python`` skips the build.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel

KERNELS = (
    "orchestrator._merge",
    "orchestrator.kernels._digests",
    "orchestrator.kernels._entries",
    "orchestrator.kernels._fold",
    "orchestrator.kernels._measure",
    "orchestrator.kernels._scan",
)
HEADERS = "orchestrator/kernels"
SHARED = sorted(map(str, [*Path(HEADERS).glob("*.h"), *Path("orchestrator").rglob("*.pxd")]))
"""What kernels know of each other: those of different builds must not meet."""


def layout() -> int:
    """A number of what is shared, in each kernel: ``kernels/common.pxd``."""
    total = 0
    for path in SHARED:
        total = crc32(Path(path).read_bytes(), total)
    return total


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
            depends=SHARED,
            define_macros=[("KERNEL_LAYOUT", f"{layout()}u")],
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


class Wheel(bdist_wheel):  # type: ignore[misc] # setuptools has no types for it
    """A wheel with its bill of materials in ``.dist-info/sboms`` (PEP 770)."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:
        """Write the metadata, and the bill beside it."""
        super().egg2dist(egginfo_path, distinfo_path)
        bill = Path(distinfo_path) / "sboms" / "orchestrator.cdx.json"
        bill.parent.mkdir()
        compiled = bool(self.distribution.ext_modules)
        document = bill_of_materials(self.distribution.get_name(), self.distribution.get_version(), compiled=compiled)
        bill.write_text(json.dumps(document, indent=2) + "\n")


def bill_of_materials(name: str, release: str, *, compiled: bool) -> dict[str, object]:
    """What is inside of the wheel, as CycloneDX 1.6: ours, and what Cython puts into compiled kernels.

    What the project depends on is not inside: the wheel's metadata names that. The same sources give the same bill.
    """
    own = {
        "type": "library",
        "bom-ref": "orchestrator",
        "name": name,
        "version": release,
        "purl": f"pkg:pypi/{name}@{release}",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    cython = {
        "type": "library",
        "bom-ref": "cython",
        "name": "cython",
        "version": version("cython"),
        "purl": f"pkg:pypi/cython@{version('cython')}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": [cython] if compiled else [],
        "dependencies": [{"ref": "orchestrator", "dependsOn": ["cython"] if compiled else []}],
    }


setup(
    ext_modules=extensions(),
    cmdclass={"bdist_wheel": Wheel},
    options={"build_ext": {"parallel": os.cpu_count() or 1}},  # a kernel takes a core ten seconds and more
)
