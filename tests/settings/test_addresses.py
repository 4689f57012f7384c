"""Which addresses of Redis are taken, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.settings.addresses import check_login, check_redis_url

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379",
        "redis://:pass@host/3",
        "rediss://user:pass@[::1]:6380/0?ssl_cert_reqs=none",
        "unix:///run/redis.sock",
        "unix://user:pw@/run/redis.sock?db=2",
        "embedded://",
        "embedded:///var/lib/orchestrator",
        " redis://localhost ",
    ],
)
def test_check_redis_url_accepts_every_kind_of_address(url: str) -> None:
    """TCP, TLS, socket and embedded addresses pass, trimmed."""
    assert check_redis_url(url) == url.strip()


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "redis://"),
        ("localhost:6379", "redis://"),
        ("http://localhost", "redis://"),
        ("redis:localhost", "redis://"),
        ("redis://", "host"),
        ("redis://host:99999", "port"),
        ("redis://host:port", "port"),
        ("redis://host/db", "database"),
        ("unix://", "socket"),
        ("embedded://data", "absolute"),
        ("embedded:///data?db=1", "absolute"),
        ("redis://h?decode_responses=true", "'decode_responses' is unknown; known are db, "),
        ("redis://h?retry_on_timeout=1", "unknown"),
        ("unix:///s?health_check_interval=1", "unknown"),
        ("redis://h?socket_timeout=0.001", "socket_timeout is not taken: set REDIS_TIMEOUT_SEC"),
        ("redis://h?timeout=1", "set REDIS_TIMEOUT_SEC"),
        ("redis://h?max_connections=1", "follows from CONCURRENCY_LIMIT"),
        ("redis://h?ssl_ca_certs=/ca.pem", "needs an address that starts with rediss://"),
        ("redis://h?db=1&db=2", "twice"),
        ("redis://h?db=", "no value"),
        ("redis://h?db=one", "number of a database"),
        ("redis://h?socket_keepalive=maybe", "one of true, false"),
        ("rediss://h?ssl_cert_reqs=sometimes", "one of required, optional, none"),
        ("rediss://h?ssl_ca_certs=/no/such/file", "ssl_ca_certs names /no/such/file, which is no file"),
        ("rediss://h?ssl_ca_path=/no/such/folder", "ssl_ca_path names /no/such/folder, which is no folder"),
    ],
)
def test_check_redis_url_says_what_would_be_right(url: str, hint: str) -> None:
    """Each mistake gets its own remedy."""
    with pytest.raises(ValueError, match=hint):
        check_redis_url(url)


@given(st.text())
def test_check_redis_url_never_fails_otherwise(text: str) -> None:
    """Any text is either an address or a ValueError, never another exception."""
    try:
        url = check_redis_url(text)
    except ValueError:
        return
    assert url.startswith(("redis://", "rediss://", "unix://", "embedded://")) or "://" in url


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem), a certificate (c.pem) with its key (k.pem), and another key (other.pem)."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    leaf, other = authority.issue_cert("client"), authority.issue_cert("other")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "c.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "k.pem"))
    other.private_key_pem.write_to_path(str(folder / "other.pem"))
    (folder / "empty.pem").write_text("")
    return folder


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("ssl_ca_certs={}/ca.pem", ""),
        ("ssl_ca_certs={}/ca.pem&ssl_certfile={}/c.pem&ssl_keyfile={}/k.pem", ""),
        ("ssl_ca_certs={}/empty.pem", "holds no PEM certificates"),
        ("ssl_ca_certs={}/k.pem", "holds no PEM certificates"),
        ("ssl_certfile={}/c.pem&ssl_keyfile={}/other.pem", "no PEM certificate with its key"),
        ("ssl_certfile={}/c.pem", "no PEM certificate with its key"),
        ("ssl_keyfile={}/k.pem", "needs ssl_certfile"),
    ],
)
def test_files_of_certificates_are_read_at_once(certificates: Path, options: str, problem: str) -> None:
    """Else a handshake that cannot succeed would be tried for ever, as if the server were away."""
    url = "rediss://h?" + options.replace("{}", str(certificates))
    if not problem:
        assert check_redis_url(url) == url
    else:
        with pytest.raises(ValueError, match=problem):
            check_redis_url(url)


@pytest.mark.parametrize(
    ("url", "username", "password_file", "problem"),
    [
        ("redis://h", "app", "/run/secrets/redis", ""),
        ("redis://:s3cret@h", "app", "", ""),
        ("redis://app@h", "", "/run/secrets/redis", ""),
        ("redis://me@h", "app", "", "REDIS_USERNAME and a user in REDIS_URL"),
        ("unix:///s?username=me", "app", "", "REDIS_USERNAME and a user in REDIS_URL"),
        ("redis://:s3cret@h", "", "/run/secrets/redis", "REDIS_PASSWORD_FILE and a password in REDIS_URL"),
        ("unix:///s?password=s3cret", "", "/run/secrets/redis", "REDIS_PASSWORD_FILE and a password in REDIS_URL"),
        ("embedded://", "app", "", "embedded"),
        ("embedded://", "", "", ""),
    ],
)
def test_user_and_password_stand_in_one_place_each(url: str, username: str, password_file: str, problem: str) -> None:
    """Of two, one would win without a word."""
    if not problem:
        check_login(url, username, password_file)
    else:
        with pytest.raises(ValueError, match=problem) as caught:
            check_login(url, username, password_file)
        assert "s3cret" not in str(caught.value)
