"""The guided search: its target holds what it promises, and notices whatever it is there to notice."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.fuzz import __main__ as fuzz
from tests.fuzz import guided
from tests.fuzz.test_filter import ARM_COMPILER, EMULATOR

# A scanner that errs in the way that a document's first letter says; what begins with "{" is done right.
ERRING = r"""
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>
struct Hasher {
    uint64_t text(const char *data, ptrdiff_t size) const { return size ? (uint64_t)data[0] : 1; }
};
namespace scan {
enum Verdict : int { PLAIN, REDUCED, SLOW };
struct Survey { bool ascii, escapes; };
struct Mentions {
    std::vector<uint64_t> hashes;
    std::vector<int64_t> offsets{0}, spots;
};
struct Scanner {
    std::vector<float> values;
    std::vector<int64_t> offsets{0};
    std::vector<char> rest;
    Mentions mentions;
    int64_t document_number = 0;
    void reset() { values.clear(), rest.clear(), offsets.assign(1, 0), mentions = Mentions(); }
    Verdict list(std::string_view text, std::vector<uint64_t> row, int64_t start, int64_t stop) {
        mentions.hashes.insert(mentions.hashes.end(), row.begin(), row.end());
        mentions.offsets.push_back((int64_t)mentions.hashes.size());
        mentions.spots.insert(mentions.spots.end(), {document_number, start, stop});
        rest.insert(rest.end(), text.begin(), text.end());
        return REDUCED;
    }
    Verdict reduced(std::string_view text, std::vector<float> row, size_t end) {
        rest.insert(rest.end(), text.begin(), text.end());
        offsets.push_back((int64_t)(values.size() + end));
        values.insert(values.end(), row.begin(), row.end());
        return REDUCED;
    }
    Verdict run(const char *data, ptrdiff_t size, Survey *found) {
        const std::string_view text(data, (size_t)size);
        const bool first = offsets.size() == 1;
        *found = Survey{true, false};
        switch (size ? data[0] : 0) {
            case '{': {
                const size_t m = text.find("\"m\"");
                if (m != text.npos) list("", {'m'}, (int64_t)m, (int64_t)m + 3);
                return reduced(text, {0.5f, -0.25f}, 2);
            }
            case 'h': mentions.hashes.push_back(1); return PLAIN;
            case 'g': mentions.spots.push_back(1); return SLOW;
            case 'd': return list(text, {'x'}, 13, 16);
            case 'e': return list(text, {'x'}, 13, 999);
            case 'q': return list(text, {'x'}, 13, 13);
            case 'j': return list(text, {'x'}, 12, 16);
            case 'k': mentions.hashes.push_back(1); return list(text, {}, 0, 0);
            case 'm': return document_number++, list(text, {'x'}, 13, 16);
            case 'p': mentions.spots.push_back(1); return list(text, {'x'}, 13, 16);
            case 'w': return list(text, {'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'}, 13, 16);
            case 'y': if (!first) mentions.hashes[0] = 9; return SLOW;
            case 'z': if (!first) mentions.spots[1] = 9; return SLOW;
            case 'l': rest.push_back('l'); return PLAIN;
            case 'u': return PLAIN;
            case 'r': return reduced("longer", {}, 0);
            case 'v': return reduced("", {1, 2}, 2);
            case 'b': reduced("", {1, 2}, 2); offsets.push_back(offsets.back() - 1); return REDUCED;
            case 't': return reduced("", {1, 2}, 1);
            case 'n': return reduced(text, {2}, 1);
            case 'a': return (uintptr_t)data % 16 ? PLAIN : SLOW;
            case 's': return first ? PLAIN : SLOW;
            case 'f': if (!first) values[0] = 9; return SLOW;
            case 'c': rest.clear(); return SLOW;
            case 'o': return data[size] ? SLOW : PLAIN;
            case 'i': return data[-1] ? SLOW : PLAIN;
            default: return SLOW;
        }
    }
};
}
"""
X = '"mentions":["x"]'
ERRORS = [
    ("l", "left something behind"),
    ("u\u00fc", "check its UTF-8"),
    ("r", "longer than"),
    ("v", "than there is room for"),
    ("b....", "before it begins"),
    ("t....", "behind the last row"),
    ('n"centroid":[1]', "other numbers"),
    ('n"centroid":[1e10]', "out of bounds"),
    ('n"centroid":[1.]', "a point without digits"),
    ('n"centroid":[2,]', "no number"),
    ('n"centroid":[2', "without an end"),
    ('n"centroid":"x"', "no array"),
    ("h", "left something behind"),
    ("g", "left something behind"),
    ("e" + X, "outside of the document"),
    ("q" + X, "texts of an empty list, or none of another"),
    ("j" + X, "no texts"),
    ('k"mentions":[]', "texts of an empty list, or none of another"),
    ("m" + X, "of another document"),
    ("p" + X, "not one place for each list"),
    ("w" + X, "more mentions than there is room for"),
    ('d"mentions":["y"]', "other mentions"),
    ('d"mentions":["x","y"]', "other mentions"),
    ('d"mentions":["x"],"mentions":[]', "other mentions"),
    ('d"mentions":["x","\\u0079"]', "other mentions"),
    ('d"mentions":["x",]', "no text"),
    ('d"mentions":["x"', "without an end"),
    ('d"mentions":["x",7]', "no text"),
    ('d"mentions":["x","\\x"]', "escape that is none"),
    ('d"mentions":["x","\\u12g4"]', "escape that is none"),
    ('d"mentions":["x","\\ude80"]', "half a pair"),
    ('d"mentions":["x","\\ud83dx"]', "half a pair"),
    ('d"mentions":["x","\\ud83d\\u0041"]', "half a pair"),
    ('d"mentions":["x","\n"]', "a text without an end"),
    ("y", "not what it was"),
    ("z", "not what it was"),
    ("a", "at another address"),
    ("s", "behind another document"),
    ("f", "not what it was"),
    ("c", "less in the batch"),
    ("o", "heap-buffer-overflow"),
    ("i", "heap-buffer-overflow"),
]


@pytest.fixture(scope="module")
def erring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a header that errs."""
    folder = tmp_path_factory.mktemp("erring")
    (folder / "scanner.h").write_text(ERRING)
    return folder


@pytest.fixture(scope="module")
def erring_program(erring: Path) -> Path:
    """The target for a scanner that errs."""
    return replay_program(erring, erring)


def replay_program(folder: Path, headers: Path) -> Path:
    """The target as a program that goes through files."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ on this machine")
    return guided.compiled(folder, "g++", "-DREPLAY", headers=headers)


def replay(program: Path, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Go through the files at *paths*."""
    return subprocess.run([program, *paths], capture_output=True, text=True, errors="replace", check=False)


def test_guided_seeds_hold(tmp_path: Path) -> None:
    """The scanner does right by everything that a search begins with, under sanitizers."""
    seeds = guided.write_seeds(tmp_path / "seeds")
    done = replay(replay_program(tmp_path, guided.HEADERS), *seeds)
    assert done.returncode == 0, done.stderr
    assert f"{len(seeds)} documents" in done.stdout


def test_guided_seeds_hold_on_arm64(tmp_path: Path) -> None:
    """Likewise without the instructions of x86-64, where char has no sign; emulated, so without sanitizers."""
    if EMULATOR is None or shutil.which(ARM_COMPILER) is None:
        pytest.skip("no compiler for arm64, or no qemu-aarch64, on this machine")
    seeds = guided.write_seeds(tmp_path / "seeds")
    options = ("-DREPLAY", "-static", "-O3", "-ffp-contract=off", "-fno-sanitize=all")
    program = guided.compiled(tmp_path, ARM_COMPILER, *options)
    done = subprocess.run([EMULATOR, program, *seeds], capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(seeds)} documents" in done.stdout


@pytest.mark.parametrize(("document", "report"), ERRORS)
def test_guided_target_notices(erring_program: Path, tmp_path: Path, document: str, report: str) -> None:
    """Each thing that the target checks is noticed where it is wrong."""
    (tmp_path / "document").write_text(document)
    done = replay(erring_program, tmp_path / "document")
    assert done.returncode != 0
    assert report in done.stderr


def test_guided_target_lets_good_documents_pass(erring_program: Path, tmp_path: Path) -> None:
    """What the same scanner does right is no error."""
    (tmp_path / "centroid").write_text('{"centroid":[0.5,-0.25]}')
    (tmp_path / "mentions").write_text('{"centroid":[0.5,-0.25],"mentions":["m", "\\u006d"]}')
    (tmp_path / "escapes").write_text('d"mentions":["x","\\u0078\\ud83d\\ude80\\n"]')
    assert replay(erring_program, *tmp_path.iterdir()).returncode == 0


@pytest.fixture(scope="module")
def _libfuzzer() -> None:
    if not guided.is_possible():
        pytest.skip("no clang++ with libFuzzer on this machine")


@pytest.mark.usefixtures("_libfuzzer")
def test_guided_search_keeps_what_it_reaches(tmp_path: Path) -> None:
    """A short search finds nothing, says so, and leaves inputs for the next one."""
    outcome = guided.search(1, seed=1, kept=tmp_path)
    assert outcome is not None
    assert outcome.endswith("nothing found")
    assert any((tmp_path / "scan").iterdir())


@pytest.mark.usefixtures("_libfuzzer")
def test_guided_search_leaves_what_fails(tmp_path: Path, erring: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scanner that errs is found out, and the input is in the folder that the report names."""
    assert guided.search(60, seed=1, kept=tmp_path, headers=erring) is None
    assert str(tmp_path) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("possible", "outcome", "named", "code", "said"),
    [
        (True, "all well", [], 0, "guided: all well"),
        (True, None, [], 1, "guided: FAILED"),
        (False, "all well", [], 0, "NOT RUN: guided, for want of a compiler"),
        (False, "all well", ["guided"], 1, "NOT RUN: guided, for want of a compiler"),
    ],
)
def test_fuzz_says_what_was_not_run(
    monkeypatch: pytest.MonkeyPatch, *, possible: bool, outcome: str | None, named: list[str], code: int, said: str
) -> None:
    """A part without its compiler is named; it is a failure if it was asked for."""
    part = fuzz.Part(lambda _seconds, _seed: outcome, lambda: possible, "a compiler")
    monkeypatch.setattr(fuzz, "PARTS", {"guided": part})
    done = CliRunner().invoke(fuzz.main, named)
    assert said in done.output
    assert done.exit_code == code
