"""A search guided by coverage: libFuzzer against ``scanner.h``, without Python.

What an input must satisfy stands in ``scan_fuzz.cpp``. Inputs that reach new code are kept in ``build/fuzz/scan``,
where the next run goes on; one that fails is named, and stays in ``build/fuzz``.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import click

from tests.fuzz import documents

ROOT: Final = Path(__file__).parents[2]
HEADERS: Final = ROOT / "orchestrator" / "kernels"
TARGET: Final = Path(__file__).with_name("scan_fuzz.cpp")
KEPT: Final = ROOT / "build" / "fuzz"
SANITIZE: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1")
MAX_INPUT_BYTES: Final = 4096
"""Longer ones find nothing that is not found in less time by shorter ones; the seeds go beyond."""

INPUT_TIMEOUT_S: Final = 10


def is_possible() -> bool:
    """Whether a program with libFuzzer can be built here."""
    code = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long) { return 0; }'
    command = ["clang++", "-fsanitize=fuzzer,address,undefined", "-x", "c++", "-", "-o", "/dev/null"]
    try:
        return subprocess.run(command, input=code, text=True, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def compiled(folder: Path, compiler: str, *options: str, headers: Path = HEADERS) -> Path:
    """The target as a program in *folder*."""
    program = folder / "scan_fuzz"
    flags = ["-std=c++17", "-O1", *SANITIZE, f"-I{headers}", *options]
    subprocess.run([compiler, *flags, str(TARGET), "-o", str(program)], check=True)
    return program


def write_seeds(folder: Path) -> list[Path]:
    """The seeds as files in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, item in enumerate(documents.seeds()):
        paths.append(folder / str(number))
        paths[-1].write_bytes(item)
    return paths


def search(seconds: float, seed: int, kept: Path = KEPT, headers: Path = HEADERS) -> str | None:
    """Search for *seconds*; what was done, or None if something was found."""
    corpus = kept / "scan"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = write_seeds(kept / "seeds")
    words = kept / "words"
    words.write_text(documents.dictionary())
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder), "clang++", "-fsanitize=fuzzer", headers=headers)
        common = [str(program), f"-artifact_prefix={kept}/", f"-timeout={INPUT_TIMEOUT_S}", "-verbosity=0"]
        options = [
            f"-seed={seed % 2**32 or 1}",  # libFuzzer takes 0 for none
            f"-max_total_time={max(1, round(seconds))}",  # and 0 for no end
            f"-max_len={MAX_INPUT_BYTES}",
            f"-dict={words}",
            "-print_final_stats=1",
        ]
        for arguments in ([str(path) for path in seeds], [*options, str(corpus), str(kept / "seeds")]):
            run = subprocess.run(
                [*common, *arguments], stderr=subprocess.PIPE, text=True, errors="replace", check=False
            )
            if run.returncode:
                click.echo(run.stderr)  # the report, and where the input is
                return None
    (count,) = re.findall(r"number_of_executed_units: (\d+)", run.stderr)
    return f"{int(count):,} documents, {sum(1 for _ in corpus.iterdir()):,} kept, nothing found"
