"""Base64 is read alike by all instructions, on this machine and on an emulated arm64."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fuzz.test_filter import ARM_COMPILER, EMULATOR, HEADERS, compiled, sanitizer_works

CHECK = Path(__file__).with_name("base64_check.cpp")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the check."""
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What the check says here."""
    return run(compiled("g++", tmp_path_factory.mktemp("base64"), check=CHECK))


def test_base64_instructions_agree(checked: subprocess.CompletedProcess[str]) -> None:
    """Every level of this machine takes, refuses and gives what the definition does."""
    assert checked.returncode == 0, checked.stderr
    assert "agree" in checked.stdout


def test_base64_instructions_stay_within_their_memory(tmp_path: Path) -> None:
    """No byte beyond a text is read and none beyond its numbers is written, say the compiler's sanitizers."""
    if not sanitizer_works(tmp_path, SANITIZERS):
        pytest.skip("no address sanitizer on this machine")
    done = run(compiled("g++", tmp_path, *SANITIZERS, "-O1", check=CHECK))
    assert done.returncode == 0, done.stderr


def test_base64_instructions_agree_on_arm64(tmp_path: Path) -> None:
    """Likewise by NEON, which every such machine has."""
    if EMULATOR is None:
        pytest.skip("no qemu-aarch64 on this machine")
    done = run(EMULATOR, "-cpu", "cortex-a53", compiled(ARM_COMPILER, tmp_path, "-static", check=CHECK), "1")
    assert done.returncode == 0, done.stderr
    assert "levels 0 to 1 agree" in done.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if ((a | b | c | d) & NO_DIGIT) return false;", ""),
        ("if (digit & NO_DIGIT) return false;", ""),
        ("if (text.size() % 4) return false;", ""),
        ("while (padding < 2 && ", "while (padding < 3 && "),
        ("if (bytes % 4 || ", "if ("),
        (" || bytes / 4 > (size_t)most", ""),
        ("of[(int)'/'] = 63;", ""),
        ("out + done / 4 * 3);", "out + done / 4 * 3 - (done > 0));"),
    ],
)
def test_base64_check_notices_an_error(tmp_path: Path, right: str, wrong: str) -> None:
    """The check fails where plain code is wrong, which judges whatever the other levels leave to it."""
    _is_noticed(tmp_path, right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if (_mm512_movepi8_mask(_mm512_or_si512(digits, input))) break;", ""),
        ("_mm512_or_si512(digits, input)", "digits"),
        ("if (!_mm256_testz_si256(", "if (false && !_mm256_testz_si256("),
        ("_mm256_cmpeq_epi8(input, slash)", "_mm256_setzero_si256()"),
        ("_mm256_maskstore_epi32((int *)out, first_six, bytes);", "_mm256_storeu_si256((__m256i *)out, bytes);"),
        ("_mm512_mask_storeu_epi8(out, first_48, ", "_mm512_storeu_si512(out, "),
    ],
)
def test_base64_check_notices_an_error_of_vectors(
    checked: subprocess.CompletedProcess[str], tmp_path: Path, right: str, wrong: str
) -> None:
    """Likewise where those of this machine are wrong, or write too much."""
    if "levels 0 to 2" not in checked.stdout or not sanitizer_works(tmp_path, SANITIZERS):
        pytest.skip("not all of these instructions, or no address sanitizer, on this machine")
    _is_noticed(tmp_path, right, wrong, "-fsanitize=address")


def _is_noticed(folder: Path, right: str, wrong: str, *options: str) -> None:
    text = (HEADERS / "base64.h").read_text()
    assert text.count(right) == 1
    (folder / "base64.h").write_text(text.replace(right, wrong))
    # Before the folder of the kernels, where the right one is.
    assert run(compiled("g++", folder, f"-I{folder}", "-O1", "-Wno-unused", *options, check=CHECK)).returncode != 0
