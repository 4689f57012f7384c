"""The filter's instructions give the same sums, on this machine and on an emulated arm64."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).with_name("filter_check.cpp")
HEADERS = Path(__file__).parents[2] / "orchestrator" / "kernels"
ARM_COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")


def compiled(compiler: str, folder: Path, *options: str, check: Path = CHECK) -> Path:
    """The check as a program, compiled as ``setup.py`` compiles the kernel."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on this machine")
    program = folder / check.stem
    flags = ["-O3", "-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", *options, f"-I{HEADERS}"]
    subprocess.run([compiler, *flags, str(check), "-o", str(program)], check=True)
    return program


def test_filter_instructions_agree(tmp_path: Path) -> None:
    """Every level of this machine gives the sums of plain loops, and loses no story."""
    done = subprocess.run([compiled("g++", tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "agree" in done.stdout


@pytest.fixture(scope="module")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The check for arm64."""
    if EMULATOR is None:
        pytest.skip("no qemu-aarch64 on this machine")
    return compiled(ARM_COMPILER, tmp_path_factory.mktemp("arm64"), "-static")


@pytest.mark.parametrize(("machine", "level"), [("max", 2), ("cortex-a53", 1)])
def test_filter_instructions_agree_on_arm64(arm_program: Path, machine: str, level: int) -> None:
    """Likewise where there are dot products, and where NEON has none; each is noticed at run time."""
    assert EMULATOR is not None
    command = [EMULATOR, "-cpu", machine, str(arm_program), str(level), "small"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"levels 0 to {level} agree" in done.stdout


def test_filter_threads_do_not_meet(tmp_path: Path) -> None:
    """The two threads of a large block touch nothing in common, says the compiler's sanitizer."""
    flags = ["-fsanitize=thread", "-O1"]
    if not sanitizer_works(tmp_path, flags):
        pytest.skip("no thread sanitizer on this machine")
    program = compiled("g++", tmp_path, *flags)
    done = subprocess.run([program, "0", "large"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def sanitizer_works(folder: Path, flags: list[str]) -> bool:
    """Whether programs with such *flags* can be built and run here."""
    source = folder / "nothing.cpp"
    source.write_text("int main() {}\n")
    built = subprocess.run(["g++", *flags, source, "-o", folder / "nothing"], capture_output=True, check=False)
    return built.returncode == 0 and subprocess.run([folder / "nothing"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("out[story] += ", "out[story] -= "),
        (" + length * errors[story] +", " +"),
        (" + tail * tails[story];", ";"),
        ("row.offsets[look] = sum * STORY_OFFSET", "row.offsets[look] = row.offsets[0] = sum * STORY_OFFSET"),
        ("sums[each] += rest[each]", "sums[each] -= rest[each]"),
        (".bound - 2 * (own_error + MARGIN) - error", ".bound"),
        (".bar = (float)known", ".bar = (float)known + 0.01f"),
        ("if (peaks[column] >= bar) look_closer", "if (peaks[column] > bar + 0.1f) look_closer"),
        ("[(size_t)place] = other.tails_[look][(size_t)its]", "[(size_t)place] = 0"),
    ],
)
def test_filter_check_notices_an_error(tmp_path: Path, right: str, wrong: str) -> None:
    """The check fails where the sums, the bound or the bar are wrong."""
    texts = {header.name: header.read_text() for header in HEADERS.glob("*.h")}
    assert sum(text.count(right) for text in texts.values()) == 1
    for name, text in texts.items():
        (tmp_path / name).write_text(text.replace(right, wrong))
    program = compiled("g++", tmp_path, f"-I{tmp_path}", "-O1")  # half the time of -O3, and as wrong
    assert subprocess.run([program], capture_output=True, check=False).returncode == 1
