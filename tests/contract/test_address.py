"""What an address of Redis says, and what is said of one that is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.address import Address, Kind, Node, ask_sentinels, parse_address
from orchestrator.process.masking import mask_text

SECRET = "s3cret"  # noqa: S105 - a made-up one

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,5}(\.[a-z0-9-]{1,3})?\.?", fullmatch=True)
NODES = st.builds(Node, NAMES | st.ip_addresses(v=6).map(str), st.integers(1, 65_535))
TEXTS = st.text(min_size=1, max_size=8)


def address(kind: Kind = Kind.STANDALONE, *nodes: str, login: tuple[str, str] = ("", ""), **options: Any) -> Address:
    """An address of *nodes*, each ``host:port``, with user and password."""
    hosts = tuple(Node(host, int(port)) for host, _, port in (node.rpartition(":") for node in nodes))
    return Address(kind, nodes=hosts, username=login[0], password=login[1], **options)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://localhost", address(Kind.STANDALONE, "localhost:6379")),
        (" REDIS://h:1/3 ", address(Kind.STANDALONE, "h:1", database=3)),
        ("redis://app:a%40%2Fb@h", address(Kind.STANDALONE, "h:6379", login=("app", "a@/b"))),
        ("redis://:a@b@h", address(Kind.STANDALONE, "h:6379", login=("", "a@b"))),
        (
            "redis://h?db=2&client_name=x",
            address(Kind.STANDALONE, "h:6379", database=2, options=(("client_name", "x"),)),
        ),
        ("rediss://[::1]:6380/", address(Kind.STANDALONE, "::1:6380", tls=True)),
        ("unix:///run/redis.sock", address(path="/run/redis.sock")),
        ("unix://me:pw@/a%20b?db=2", address(path="/a b", login=("me", "pw"), database=2)),
        ("redis+sentinel://h1:1,h2/mymaster", address(Kind.SENTINEL, "h1:1", "h2:26379", service="mymaster")),
        (
            "rediss+sentinel://me:p%2C@[::1],h:7/my.master-1/2/?ssl_cert_reqs=none",
            address(
                *(Kind.SENTINEL, "::1:26379", "h:7"),
                tls=True,
                service="my.master-1",
                database=2,
                login=("me", "p,"),
                options=(("ssl_cert_reqs", "none"),),
            ),
        ),
        ("redis+cluster://h1,h2:7000", address(Kind.CLUSTER, "h1:6379", "h2:7000")),
        ("rediss+cluster://u:p@h1/0", address(Kind.CLUSTER, "h1:6379", tls=True, login=("u", "p"))),
    ],
)
def test_parse_address_reads_every_kind(url: str, said: Address) -> None:
    """Schemes, several hosts, usual ports, IPv6 in brackets, escapes, databases and options."""
    assert parse_address(url) == said


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "must start with one of redis://, rediss://, unix://, redis+sentinel://"),
        ("sentinel://h/m", "must start with one of"),
        ("redis:h", "must start with one of"),
        ("redis://", "needs a host: redis://localhost:6379"),
        (f"redis://u:{SECRET}@", "needs a host"),
        ("redis+sentinel:///mymaster", r"needs a host: redis+sentinel://host-1:26379,host-2:26379/mymaster"),
        ("redis+cluster://", r"needs a host: redis+cluster://host-1:6379,host-2:6379"),
        ("redis://h1,h2", r"several hosts need redis+sentinel://h1,h2/service or redis+cluster://h1,h2"),
        ("redis+sentinel://h1,,h2/m", "a host is missing"),
        ("redis+sentinel://h1,h2,/m", "a host is missing"),
        ("redis+sentinel://h1,h1:26379/m", "its host h1:26379 stands there twice"),
        ("redis+sentinel://h1", "needs the name by which the sentinels know the primary"),
        ("redis+sentinel://h1/", "needs the name by which the sentinels know the primary"),
        ("redis+sentinel://h1/0", "0 is the number of a database: the name of the primary stands before it"),
        ("redis+sentinel://h1/0/mymaster", "0 is the number of a database"),
        ("redis+sentinel://h1/my%20master", "letters, digits and any of"),
        ("redis+sentinel://h1/m/x", "number of a database"),
        ("redis+sentinel://h1/m/1/2", "number of a database"),
        ("redis+cluster://h1/1", "a cluster has database 0 alone"),
        ("redis+cluster://h1?db=1", "a cluster has database 0 alone"),
        ("redis+cluster://h1/mymaster", "number of a database"),
        ("redis://h:0", "port must be a whole number from 1 to 65535"),
        ("redis+sentinel://h1,h2:99999/m", "port must be a whole number from 1 to 65535"),
        ("redis://h:", "port must be a whole number"),
        (f"redis://u:{SECRET}", "port must be a whole number"),
        ("redis://::1", "an IPv6 address stands in brackets"),
        ("redis://[::1", "an IPv6 address stands in brackets"),
        ("redis://[::1]6379", "an IPv6 address stands in brackets"),
        ("redis://[h]:1", "an IPv6 address stands in brackets"),
        ("redis://h%41", "is none"),
        ("redis://a..b", "is none"),
        (f"redis://{'a' * 64}.b", "is none"),
        (f"redis://u:1?{SECRET}@h", "a ? in a user or password must be written %3F"),
        (f"redis://u:1?{SECRET}=x@h", "a ? in a user or password must be written %3F"),
        (f"redis://u:{SECRET}/x@h", "a / in a user or password must be written %2F"),
        (f"redis://u:{SECRET}#x@h", "a # must be written %23"),
        (f"redis://u:{SECRET} x@h", "a blank is written %20"),
        (f"redis://u:{SECRET}%zz@h", "a % in its password must be written %25"),
        (f"redis://u%:{SECRET}@h", "a % in its user must be written %25"),
        (f"redis://u:{SECRET}%ff@h", "must be UTF-8"),
        (f"redis+sentinel://u:{SECRET}@h1,u:{SECRET}@h2/m", "user and password stand once, before the first host"),
        (f"redis://u:{SECRET}@h?password={SECRET}", "its option password says again"),
        ("redis://u@h?username=v", "its option username says again"),
        ("redis://h/1?db=2", "its option db says again"),
        ("redis+sentinel://h/m?ssl_ca_certs=/x", "needs an address that starts with rediss"),
        ("redis+sentinel://h/m?service_name=x", "'service_name' is unknown"),
        ("unix://run/redis.sock", "starts with a slash"),
    ],
)
def test_parse_address_says_what_would_be_right_and_never_the_password(url: str, hint: str) -> None:
    """Each mistake gets its own remedy."""
    with pytest.raises(ValueError, match=re.escape(hint)) as caught:
        parse_address(url)
    assert SECRET not in str(caught.value)


@given(st.sampled_from(Kind), st.lists(NODES, min_size=1, max_size=4, unique=True), TEXTS, TEXTS, st.integers(0, 99))
def test_address_url_is_read_back_as_it_was(
    kind: Kind, nodes: list[Node], username: str, password: str, number: int
) -> None:
    """Every user and password, with any character, over TLS or not; and no mask lets the password through."""
    said = Address(
        kind,
        tls=bool(number % 2),
        nodes=tuple(nodes[: 1 if kind is Kind.STANDALONE else None]),
        service="my-master" if kind is Kind.SENTINEL else "",
        database=0 if kind is Kind.CLUSTER else number,
        username=username,
        password=f"{SECRET}{password}",
        options=(("client_name", username),),
    )
    assert parse_address(said.url) == said
    assert SECRET not in mask_text(f"at {said.url}: refused") + repr(said)


@given(st.from_regex(r"\Aunix://(\w+(:\w+)?@)?/[^?#]*(\?db=\d)?\Z"))
def test_socket_url_is_read_back_as_it_was(url: str) -> None:
    """The same for sockets."""
    try:
        said = parse_address(url)
    except ValueError:
        return
    assert parse_address(said.url) == said


@given(st.text() | st.builds("{}{}".format, st.sampled_from(["redis://", "redis+sentinel://"]), st.text()))
def test_parse_address_never_fails_otherwise(text: str) -> None:
    """Any text is either an address or a ValueError, never another exception."""
    try:
        said = parse_address(text)
    except ValueError:
        return
    assert said.nodes or said.path


def test_ask_sentinels_keeps_what_the_address_says_of_the_server() -> None:
    """Database, user, password and options hold; the hosts are those of the sentinels."""
    base = parse_address("rediss://me:pw@/2?ssl_cert_reqs=none", needs_host=False)
    assert ask_sentinels(base, "h1, h2:7", "mymaster").url == (
        "rediss+sentinel://me:pw@h1:26379,h2:7/mymaster/2?ssl_cert_reqs=none"
    )


@pytest.mark.parametrize("url", ["redis://h", "unix:///s", "redis+sentinel://h/m", "redis+cluster://h"])
def test_ask_sentinels_refuses_an_address_that_leads_elsewhere(url: str) -> None:
    """Of two places, one would win without a word."""
    with pytest.raises(ValueError, match="both set: leave"):
        ask_sentinels(parse_address(url), "h1", "mymaster")


DOCUMENTS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["connecting.md", "sentinel.md"])
def test_addresses_in_the_guides_are_addresses(page: str) -> None:
    """What readers copy; one without a host stands beside REDIS_SENTINELS."""
    text = (DOCUMENTS / page).read_text(encoding="utf-8")
    found = re.findall(r"^    REDIS_URL=(\S+)$", text, re.MULTILINE)
    assert len(found) == 2
    assert all(parse_address(url, needs_host=False) for url in found)
