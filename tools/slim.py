"""Takes out of the image's environment what no run of it needs. Run by that environment's own Python, in the build.

First every module of the service is imported, which writes the bytecode of what is used, and of nothing else: the root
is read-only later. Then go tests, type stubs, headers, tools for building extensions, and what large packages load on
demand and nobody here demands.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import shutil
import sys
import sysconfig
from pathlib import Path

FOLDERS = ("tests", "testing", "_pyinstaller", "f2py", "distutils", "include")
"""Names of folders that go: packages have them for their own development, and some use them, which are kept."""

SUFFIXES = frozenset({".pyi", ".pxd", ".pyx", ".a", ".h"})
"""Of files that go: they are for type checkers and compilers."""

ON_DEMAND = {"numpy": ("__pycache__",), "pygments/lexers": ("__init__.py", "_mapping.py", "python.py", "__pycache__")}
"""Folders that go part by part where nothing of a part was imported, and the parts of each that stay all the same: a
traceback in colours wants its own language."""

OF_OTHERS = ("botocore/data/*/", "pyarrow/*_flight*", "pyarrow/*_s3*")
"""In the packages of extras: services of Amazon that are no bucket, and ways to servers that nobody here takes."""

OF_BUCKETS = frozenset({"s3", "signin", "sso", "sso-oidc", "sts"})
"""Services that stay: the bucket's, and those by which keys to it are found."""

EXTRAS = frozenset({"opentelemetry", "distributed", "fsspec", "pyarrow", "s3fs"})
"""Packages of extras that the image does without; modules that need one are imported only where it is asked for."""

OF_EXTRAS = ("distributed.cli.dask_scheduler", "distributed.cli.dask_worker", "pyarrow.parquet", "s3fs")
"""What is run of them where the image has them, so that its bytecode is written."""


def use_everything() -> None:
    """Import each module of the service, with what these import."""
    import orchestrator  # noqa: PLC0415 - it is there only where the image is built

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in EXTRAS:
                raise
    for name in OF_EXTRAS if with_extras() else ():
        importlib.import_module(name)


def with_extras() -> bool:
    """Whether the image was built with the extras ``archive`` and ``dask``, which load much on demand."""
    return importlib.util.find_spec("distributed") is not None


def superfluous(packages: Path) -> list[Path]:
    """What may go below *packages*, a ``site-packages``: no folder of which something was imported."""
    imported = {Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    used = {folder for file in imported for folder in file.parents}
    folders = [path for path in packages.rglob("*") if path.is_dir() and path.name in FOLDERS and path not in used]
    parts = [
        part
        for name, kept in ({} if with_extras() else ON_DEMAND).items()
        for part in (packages / name).iterdir()
        if (part.is_dir() or name != "numpy") and part.name not in kept and part not in used | imported
    ]
    others = [path for pattern in OF_OTHERS for path in packages.glob(pattern) if path.name not in OF_BUCKETS]
    return [
        *folders,
        *parts,
        *others,
        *(() if with_extras() else (packages / "numpy" / "_core").glob("_simd.*")),
        *(path for path in packages.rglob("*") if path.suffix in SUFFIXES or "_tests." in path.name),
    ]


def main() -> int:
    """Do it, and prove that everything still imports."""
    if "--check" in sys.argv:
        use_everything()
        return 0
    use_everything()
    for path in superfluous(Path(sysconfig.get_path("purelib"))):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # within one that went before, maybe
        else:
            path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
