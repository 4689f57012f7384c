"""Which addresses of Redis are taken, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.settings.addresses import (
    check_login,
    check_redis_url,
    check_sentinel_login,
    check_sentinels,
    server_address,
)

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
        "redis+sentinel://h1:26379,h2/mymaster/0",
        "rediss+cluster://h1,h2",
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
        ("redis:localhost", "redis://.* or embedded://"),
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
        ("redis://h?ssl_ca_certs=/ca.pem", "needs an address that starts with rediss"),
        ("redis://h?db=1&db=2", "twice"),
        ("redis://h?db=", "no value"),
        ("redis://h?db=one", "number of a database"),
        ("redis://h?socket_keepalive=maybe", "one of true, false"),
        ("rediss://h?ssl_cert_reqs=sometimes", "one of required, optional, none"),
        ("redis+sentinel://h1,h2", "name by which the sentinels know"),
        ("rediss+sentinel://h/m?ssl_ca_certs=/no/such/file", "which is no file"),
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
    assert "://" in url


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


@pytest.mark.parametrize(
    ("url", "sentinels", "service", "problem"),
    [
        ("redis://h", "", "", ""),
        ("embedded://", "", "", ""),
        ("redis://", "h1", "m", ""),
        ("redis://me@/2", "h1", "m", ""),
        ("redis://", "", "", "REDIS_URL is refused: it needs a host"),
        ("redis://h", "", "m", "REDIS_SENTINEL_MASTER needs REDIS_SENTINELS"),
        ("redis://", "h1", "", "REDIS_SENTINELS needs REDIS_SENTINEL_MASTER"),
        ("embedded://", "h1", "m", "REDIS_SENTINELS is of no use with an embedded Redis"),
        ("redis://h", "h1", "m", "REDIS_SENTINELS and REDIS_URL with a place of its own are both set"),
        ("redis+sentinel://h/m", "h1", "m", "REDIS_SENTINELS and REDIS_URL with its sentinel hosts are both set"),
    ],
)
def test_the_server_is_named_once(url: str, sentinels: str, service: str, problem: str) -> None:
    """By REDIS_URL or by REDIS_SENTINELS, and then in full."""
    if not problem:
        assert server_address(url, sentinels, service).startswith(("redis", "embedded"))
    else:
        with pytest.raises(ValueError, match=problem):
            server_address(url, sentinels, service)


def test_sentinels_in_a_setting_have_neither_password_nor_path() -> None:
    """A password there would be shown; it has a place of its own."""
    assert check_sentinels(" h1:1, h2 ") == "h1:1, h2"
    for text in ("u:s3cret@h1", "redis+sentinel://h1/m"):
        with pytest.raises(ValueError, match="REDIS_SENTINEL_PASSWORD_FILE") as caught:
            check_sentinels(text)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "username", "password", "file", "problem"),
    [
        ("redis+sentinel://h/m", "", "", "", ""),
        ("redis+sentinel://h/m", "me", "s3cret", "", ""),
        ("rediss+sentinel://h/m", "me", "", "/f", ""),
        ("redis+sentinel://h/m", "", "s3cret", "/f", "are both set"),
        ("redis+sentinel://h/m", "me", "", "", "REDIS_SENTINEL_USERNAME needs"),
        ("redis://h", "", "s3cret", "", "of no use without sentinels"),
        ("redis://h", "", "", "/f", "of no use without sentinels"),
    ],
)
def test_the_login_at_sentinels_is_whole_and_of_use(
    url: str, username: str, password: str, file: str, problem: str
) -> None:
    """What would be ignored without a word is refused."""
    if not problem:
        check_sentinel_login(url, username, password, file)
    else:
        with pytest.raises(ValueError, match=problem) as caught:
            check_sentinel_login(url, username, password, file)
        assert "s3cret" not in str(caught.value)
