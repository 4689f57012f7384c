"""The hashes of texts: both twins give the same, for ever, and what the paper's authors give."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernels import hashing_py
from orchestrator.kernels.hash_keys import KEY_BYTES, Hashing, fresh_key
from tests.kernels.support import COMPILED

TWINS = ["orchestrator.kernels.hashing_py", *(["orchestrator.kernels._fold"] if COMPILED else [])]

PUBLISHED = [
    0xD1FBA762150C532C,
    0x68A914128E01E473,
    0x010BAC45C41E3669,
    0x4D4C9A4A8EF6E0AD,
    0x7CC43F98813E4DBD,
    0x5ABE2169DFF36275,
    0xE3C25F87624F1CDB,
    0x2F098AB0C751325A,
    0xEAD411E67EBE2EEA,
    0x75927F9D95124362,
    0xAF9F77A65AB51A1D,
    0xFE64CE8B6617FCFF,
    0xA6BAF4FB0F9FE1C2,
    0xA0CF3211850F8E0D,
    0x7F86049379FBFE67,
    0xF30EB725BB91C9EA,
    0x8972188433A5C5B7,
    0x4883C49A2C009C1D,
    0xADC2C0B63044067D,
    0x091F4A3329F87D19,
    0x639E355AE68C0100,
    0xB17BEF2CB5213239,
    0xF8AEB1066236CCFE,
    0x37332B1389DAA4FF,
    0x31185A47AF932F3A,
    0xEBF352E82AE23E2F,
    0xED36FF242FE478B2,
    0x2454D97D299299DF,
    0x8CD57FE8130D0AC7,
    0xBE98EB2FAF0A0E85,
    0xD427C34EE09470C6,
    0x169739443111D49B,
    0x31EF8061C910629B,
    0x7FB71D24DFA4C9F6,
    0x92771F49E836D389,
    0x3C393CF6F0853BC3,
    0xAC77921FCC642BD3,
]
"""SipHash-1-3 under a key of zeros, of the texts of the characters 0, 0 and 1, and so on.

Source: the reference implementation (https://github.com/veorq/SipHash), as OCaml's tests of it quote it."""

UNDER_A_KEY = [0xABAC0158050FC4DC, 0xC9F49BF37D57CA93, 0x82CB9B024DC7D44D, 0x8BF80AB8E7DDF7FB]
"""The same under the key of the paper, bytes 0 to 15; the first four of those by which Rust tests its own."""

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


@pytest.fixture(params=TWINS, scope="module")
def twin(request: pytest.FixtureRequest) -> ModuleType:
    """Each twin in turn."""
    return importlib.import_module(request.param)


@pytest.mark.parametrize(("key", "expected"), [(bytes(16), PUBLISHED), (bytes(range(16)), UNDER_A_KEY)])
def test_hash_text_is_siphash(twin: ModuleType, key: bytes, expected: list[int]) -> None:
    """Of every length around words of eight bytes."""
    texts = ["".join(map(chr, range(size))) for size in range(len(expected))]
    assert [twin.hash_text(text, key) for text in texts] == expected


@given(text=st.text() | st.sampled_from(["x" * 1000, "🚀" * 9]), key=KEYS)
def test_hashes_are_the_same_everywhere(twin: ModuleType, text: str, key: bytes) -> None:
    """Both twins hash alike; stored state depends on it."""
    assert twin.hash_text(text, key) == hashing_py.hash_text(text, key)
    assert twin.unkeyed_hash(text) == hashing_py.unkeyed_hash(text)


@given(numbers=st.lists(st.integers(0, 2**64 - 1)), key=KEYS)
def test_under_key_is_the_same_everywhere(twin: ModuleType, numbers: list[int], key: bytes) -> None:
    """Each hash is hashed as eight bytes."""
    data = np.array(numbers, "<u8").tobytes()
    assert twin.under_key(data, key) == hashing_py.under_key(data, key)


def test_unkeyed_hash_never_changes(twin: ModuleType) -> None:
    """The hashes in states of formats 2 and 3 are found for ever."""
    assert [twin.unkeyed_hash(text) for text in ("", "m1", "größer Straße")] == [
        0x042E8C22CBD19ACC,
        0x9F211EAE56DACFC9,
        0x9536A5D661A7C426,
    ]


def test_keys_of_another_size_are_refused(twin: ModuleType) -> None:
    """Bytes behind a key would be read, or a key of fewer bits taken."""
    for key in (b"", bytes(15), bytes(17)):
        for call in (lambda key: twin.hash_text("m", key), lambda key: twin.under_key(bytes(8), key), Hashing):
            with pytest.raises(ValueError, match=f"a key of {len(key)} bytes, expected 16"):
                call(key)


def test_a_key_is_not_shown() -> None:
    """Errors and logs tell how a batch was hashed, and not by which key."""
    assert repr(Hashing(bytes(range(16)))) == "Hashing(old_too=False)"


def test_fresh_keys_differ() -> None:
    """This session's is the same each time, see conftest; in the service nobody has another's."""
    assert fresh_key() != fresh_key()
