"""What users install: the wheel is complete, and a machine without a compiler gets the pure twin and is told so."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

import orchestrator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "orchestrator"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SHIPPED_SUFFIXES = {".py", ".pyi", ".typed", ".lua", ".html", ".css", ".js", ".svg", ".json"}
OURS = {"orchestrator", "tests", "bench", "tools"}
NO_COMPILER = {"CC": "/nonexistent/cc", "CXX": "/nonexistent/c++"}


def run(code: str, *options: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python *code* in a fresh process; its standard error is part of its output."""
    inherited = {name: value for name, value in os.environ.items() if name != "ORCHESTRATOR_MERGE"}
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=cwd,
        env=inherited | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution, made from a tree in which nothing was built yet."""
    tree = tmp_path_factory.mktemp("tree")
    built = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c", "*.cpp")
    shutil.copytree(PACKAGE, tree / "orchestrator", ignore=built)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    code = "from setuptools.build_meta import build_sdist; build_sdist('dist')"
    build = run(code, cwd=tree, ORCHESTRATOR_MERGE="python")  # Cython has no part in a source distribution
    assert build.returncode == 0, build.stdout
    (archive,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tree / "unpacked", filter="data")
    return tree / "unpacked" / archive.name.removesuffix(".tar.gz")


def test_sources_hold_what_the_kernels_are_made_of(sources: Path) -> None:
    """Each kernel's source and every header are in the source distribution, and nothing that Cython made of them."""
    kinds = {".pyx", ".pxd", ".h"}
    wanted = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.suffix in kinds}
    assert wanted >= {"kernels/_fold.pyx", "_merge.pyx", "_merge.pxd", "kernels/common.pxd", "kernels/hash.h"}
    unpacked = sources / "orchestrator"
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert wanted <= found
    assert not [name for name in found if name.endswith((".c", ".cpp", ".so"))]


def test_kernels_are_made_anew_when_a_header_changes() -> None:
    """Every kernel is named in ``setup.py``, and depends on all headers that it includes, also through others."""
    named = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("KERNELS", "HEADERS")
    }
    sources = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in PACKAGE.rglob("*.pyx")
    }
    depended_on = {path.name for path in (ROOT / named["HEADERS"]).glob("*.h")}
    assert set(named["KERNELS"]) == set(sources)
    for path in [*sources.values(), *PACKAGE.rglob("*.pxd")]:
        assert included_headers(path) <= depended_on


def included_headers(path: Path) -> set[str]:
    """The package's own headers that *path* includes; what it cimports is asked for itself."""
    direct = set(re.findall(r'(?:#include|cdef extern from) "(\w+\.h)"', path.read_text())) - {"Python.h"}
    return direct.union(*(included_headers(PACKAGE / "kernels" / name) for name in direct))


def build_wheel(sources: Path, target: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Build the wheel into *target* as pip would, with the tools of this environment."""
    shutil.rmtree(sources / "build", ignore_errors=True)  # objects of an earlier build need no compiler
    return run(f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})", cwd=sources, **env)


def run_installed(code: str, wheel: Path, target: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run *code* where *wheel* alone is installed, into *target*, beside this environment's dependencies."""
    shutil.unpack_archive(wheel, target, format="zip")
    # -S: an editable installation's hook would find in the checkout what the wheel lacks
    path = os.pathsep.join((str(target), sysconfig.get_path("platlib")))
    return run(code, "-S", cwd=target, PYTHONPATH=path, **env)


@pytest.fixture(scope="module")
def built_without_compiler(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(the wheel, the build's output) of a build for which no compiler can be started."""
    target = tmp_path_factory.mktemp("dist")
    build = build_wheel(sources, target, **NO_COMPILER)
    assert build.returncode == 0, build.stdout
    (wheel,) = target.glob("*.whl")
    return wheel, build.stdout


def test_wheel_holds_every_file_of_the_package(built_without_compiler: tuple[Path, str]) -> None:
    """Each module, Lua command, page and marker of the package is in the wheel, and nothing else."""
    names = zipfile.ZipFile(built_without_compiler[0]).namelist()
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in SHIPPED_SUFFIXES and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == wanted


def test_wheel_states_licence_script_and_extras(built_without_compiler: tuple[Path, str]) -> None:
    """The wheel's metadata carries the licence, the console script and the extras."""
    with zipfile.ZipFile(built_without_compiler[0]) as wheel:
        (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
        metadata = wheel.read(f"{info}/METADATA").decode()
        assert "orchestrator = orchestrator.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
        assert wheel.read(f"{info}/licenses/LICENSE").startswith(b"MIT License")
    assert "License-Expression: MIT" in metadata
    assert re.findall(r"^Provides-Extra: (\w+)$", metadata, re.MULTILINE) == [
        "embedded",
        "imitation",
        "otel",
        "archive",
        "dask",
        "bench",
        "dev",
        "release",
        "docs",
    ]


def test_build_without_compiler_succeeds_and_says_so(built_without_compiler: tuple[Path, str]) -> None:
    """A failed kernel is a warning of the build, and its wheel has no extension."""
    wheel, output = built_without_compiler
    assert 'building extension "orchestrator._merge" failed' in output
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".so", ".pyd"))]


def test_install_without_compiler_runs_on_the_twin_and_says_why(
    built_without_compiler: tuple[Path, str], tmp_path: Path
) -> None:
    """The wheel of such a build imports from where it was installed, merges in Python and knows the reason."""
    code = (
        "from orchestrator.kernels import choice\n"
        "print(choice.__file__, choice.IMPLEMENTATION, choice.FALLBACK_REASON, sep='\\n')"
    )
    done = run_installed(code, built_without_compiler[0], tmp_path)
    file, implementation, reason = done.stdout.splitlines()
    assert Path(file).is_relative_to(tmp_path)
    assert implementation == "python"
    assert "_merge" in reason


def test_build_that_must_have_the_kernel_fails_without_compiler(sources: Path, tmp_path: Path) -> None:
    """ORCHESTRATOR_MERGE=cython, as the image sets it, turns the warning into a failed build."""
    build = build_wheel(sources, tmp_path, ORCHESTRATOR_MERGE="cython", **NO_COMPILER)
    assert build.returncode != 0
    assert not list(tmp_path.glob("*.whl"))


def test_wheel_holds_what_the_compiler_made(sources: Path, tmp_path: Path) -> None:
    """Each kernel is in the wheel. The compiler here makes empty files; a real one works in `make` and in the image."""
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n')
    compiler.chmod(0o755)
    build = build_wheel(sources, tmp_path, ORCHESTRATOR_MERGE="cython", CC=str(compiler), CXX=str(compiler))
    assert build.returncode == 0, build.stdout
    (wheel,) = tmp_path.glob("*.whl")
    kernels = {Path(name).name.split(".")[0] for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")}
    assert kernels == {path.stem for path in PACKAGE.rglob("*.pyx")}


def test_wheel_has_a_bill_of_what_is_in_it(built_without_compiler: tuple[Path, str]) -> None:
    """CycloneDX, in the folder of PEP 770, for this version; RECORD names it, so that installers keep it."""
    with zipfile.ZipFile(built_without_compiler[0]) as wheel:
        (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
        bill = json.loads(wheel.read(f"{info}/sboms/orchestrator.cdx.json"))
        assert f"{info}/sboms/orchestrator.cdx.json,sha256=" in wheel.read(f"{info}/RECORD").decode()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    own = bill["metadata"]["component"]
    assert own["purl"] == f"pkg:pypi/service3-orchestrator@{orchestrator.__version__}"
    named = {own["bom-ref"], *(component["bom-ref"] for component in bill["components"])}
    assert {ref for edge in bill["dependencies"] for ref in (edge["ref"], *edge["dependsOn"])} == named


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_wheel_of_a_real_build_runs_compiled_where_there_is_no_compiler(sources: Path, tmp_path: Path) -> None:
    """Built with the compiler of this machine, installed where none can be started: the kernels are in use."""
    build = build_wheel(sources, tmp_path, ORCHESTRATOR_MERGE="cython")
    assert build.returncode == 0, build.stdout
    (wheel,) = tmp_path.glob("*.whl")
    assert "-none-any" not in wheel.name
    code = (
        "from orchestrator import _merge\n"
        "from orchestrator.kernels import choice\n"
        "print(choice.IMPLEMENTATION, _merge.__file__)"
    )
    done = run_installed(code, wheel, tmp_path / "there", PATH=str(tmp_path / "nothing"), **NO_COMPILER)
    implementation, file = done.stdout.split()
    assert implementation == "cython", done.stdout
    assert Path(file).is_relative_to(tmp_path / "there")


def imported_packages(folder: Path) -> set[str]:
    """Top-level names that the code under *folder* imports, other than the project's and the standard library's."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    for path in [*folder.rglob("*.pyx"), *folder.rglob("*.pxd")]:
        names |= set(re.findall(r"^(?:from|cimport|import) (\w+)", path.read_text(), re.MULTILINE)) - {"libc", "libcpp"}
    return names - set(sys.stdlib_module_names) - {*OURS, "cython", "cpython"}


def requirement_name(requirement: str) -> str:
    """The normalised name of a requirement."""
    match = re.match(r"[\w-]+", requirement)
    assert match is not None
    return match[0].lower().replace("_", "-")


def requirements_of(*folders: Path) -> set[str]:
    """Names of the distributions that the code under *folders* imports."""
    # the peers of the benchmarks need not be installed here
    peers = {"faiss": ["faiss-cpu"], "simdjson": ["pysimdjson"], "sklearn": ["scikit-learn"]}
    # a namespace that several distributions share; the SDK requires the API
    shared = {"opentelemetry": ["opentelemetry-sdk"]}
    distributions = {**peers, **packages_distributions(), **shared}
    names = set().union(*map(imported_packages, folders))
    # pydantic requires exactly one pydantic-core and documents importing from it
    names = {"pydantic" if name == "pydantic_core" else name for name in names}
    return {requirement_name(distributions.get(name, [name])[0]) for name in names}


def declared(*extras: str) -> set[str]:
    """Names of the dependencies, and of those of *extras*."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in extras)]
    return {requirement_name(text) for group in groups for text in group}


def test_dependencies_are_those_that_are_imported() -> None:
    """Nothing is imported that is not declared (transitive luck), and nothing is declared that is not imported."""
    imported = requirements_of(PACKAGE)
    assert declared() <= imported
    assert imported <= declared("embedded", "imitation", "otel")


def test_development_dependencies_are_declared() -> None:
    """Tests import nothing that `make test` does not install, benchmarks nothing that `make bench` does not."""
    assert requirements_of(ROOT / "tests") <= declared("embedded", "dev")
    assert requirements_of(ROOT / "bench") <= declared("embedded", "dev", "bench")
    assert requirements_of(ROOT / "tools") <= declared()
    for name in ("lock", "provenance", "slim"):  # what installs cannot ask to be installed first
        text = (ROOT / "tools" / f"{name}.py").read_text()
        assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) <= sys.stdlib_module_names


def test_supported_pythons_are_the_same_everywhere() -> None:
    """Those of nox, of the public tests and of the wheels; classifiers name those that the tests passed on."""
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    (pythons,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS"
    )
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]["build"]
    classified = {text.rsplit(" ", 1)[-1] for text in PROJECT["classifiers"] if "Python :: 3." in text}
    assert f"python: {json.dumps(pythons)}" in workflow
    assert built.split() == [f"cp{python.replace('.', '')}-*" for python in pythons]
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    assert classified <= set(pythons)


def test_a_release_has_both_images() -> None:
    """The plain one, and the one that docs/archive.md builds for a bucket; a tag of its own each."""
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    image = release["jobs"]["image"]
    (push,) = (step for step in image["steps"] if step.get("id") == "push")
    flavours = {flavour["suffix"]: flavour["lock"] for flavour in image["strategy"]["matrix"]["include"]}
    assert flavours == {"": "pylock.toml", "-archive": "pylock.archive.toml"}
    assert push["with"]["tags"].endswith("${{ matrix.suffix }}")
    assert "LOCK=${{ matrix.lock }}" in push["with"]["build-args"].splitlines()
    assert all((ROOT / lock).is_file() for lock in flavours.values())
    assert "ARG LOCK=" in (ROOT / "Dockerfile").read_text()


def test_every_requirement_is_bounded() -> None:
    """Each requirement has a lower and an upper bound."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    # nox has dates for versions
    unbounded = [
        text for group in groups for text in group if not re.search(r">=[\d.]+,<\d", text) and "nox>=" not in text
    ]
    assert unbounded == []
