"""Secrets and signatures in the form of Standard Webhooks."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.signing import SigningSecret, decode_secret, signature


def test_signature_is_the_standards() -> None:
    """The example of the Standard Webhooks libraries has the signature that they print."""
    key = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=16, max_size=128))
def test_decode_secret_inverts_the_standards_form(key: bytes) -> None:
    """Any key of a fitting length survives."""
    assert decode_secret("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "secret", "whsec_!!!!", "whsec_c2hvcnQ=", base64.b64encode(bytes(24)).decode()]
)
def test_decode_secret_refuses_other_forms(secret: str) -> None:
    """A secret that would sign with something else stops the start."""
    with pytest.raises(ValueError, match="whsec_"):
        decode_secret(secret)


def test_secret_comes_from_one_place(tmp_path: Path) -> None:
    """The text, the file as it is now, or neither."""
    text = "whsec_" + base64.b64encode(bytes(24)).decode()
    file = tmp_path / "secret"
    file.write_text(text + "\n")
    assert (SigningSecret().key(), SigningSecret(text).key(), SigningSecret(file=str(file)).key()) == (
        None,
        bytes(24),
        bytes(24),
    )
    file.write_text("s3cret")
    with pytest.raises(ValueError, match="whsec_") as caught:
        SigningSecret(file=str(file)).key()
    assert "s3cret" not in str(caught.value)
