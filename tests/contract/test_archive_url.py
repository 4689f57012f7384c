"""Which addresses of an archive are taken, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contract.archive_url import ArchiveUrl, parse_archive_url


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("file:///var/lib/archive/", ArchiveUrl("file", "", "/var/lib/archive")),
        ("FILE:///a%20b", ArchiveUrl("file", "", "/a b")),
        (" s3://bucket ", ArchiveUrl("s3", "bucket", "")),
        ("s3://my.bucket-1/a/b/", ArchiveUrl("s3", "my.bucket-1", "a/b")),
        (
            "s3://bucket/a?endpoint_url=http://minio:9000&region=eu-1",
            ArchiveUrl("s3", "bucket", "a", {"endpoint_url": "http://minio:9000", "region": "eu-1"}),
        ),
        ("gs://bucket/a?project=p", ArchiveUrl("gs", "bucket", "a", {"project": "p"})),
        ("az://container/a?account_name=n", ArchiveUrl("az", "container", "a", {"account_name": "n"})),
        ("memory://", ArchiveUrl("memory", "", "")),
        ("memory://test/a", ArchiveUrl("memory", "test", "a")),
    ],
)
def test_parse_archive_url_says_where(url: str, found: ArchiveUrl) -> None:
    """Folder or bucket, the folder in it, and options."""
    assert parse_archive_url(url) == found


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "must look like file:///"),
        ("/var/lib/archive", "must look like file:///"),
        ("ftp://host/a", "must look like file:///"),
        ("s3:bucket", "must look like file:///"),
        ("s3://" + "a" * 2_000, "must look like file:///"),
        ("s3://bucket/" + "a" * 2_000, "must look like file:///"),
        ("s3://key:word@bucket/a", "must have no user and no key"),
        ("file://relative/a", "absolute folder"),
        ("file:///", "absolute folder"),
        ("file://", "absolute folder"),
        ("file:///a/../b", "none may be . or .."),
        ("file:///a/%2e%2e/b", "none may be . or .."),
        ("file:///a//b", "must have names"),
        ("file:///a%00b", "must have names"),
        ("file:///a?x=1", "one of its options is none that is known; file:// takes none"),
        ("s3://", "must name a bucket behind s3://"),
        ("s3:///folder", "must name a bucket"),
        ("s3://b_/folder", "must name a bucket"),
        ("s3://bucket/a%zz", "must be escaped"),
        ("s3://bucket/a#b", "must be escaped"),
        ("s3://bucket/a\tb", "must be escaped"),
        ("s3://bucket?region", "must look like name=value"),
        ("s3://bucket?region=", "once, with a value"),
        ("s3://bucket?region=a&region=b", "once, with a value"),
        (
            "s3://bucket?region=a&profile=b&endpoint_url=http://h&" + "&".join(f"o{i}=1" for i in range(20)),
            "name=value",
        ),
        ("s3://bucket?endpoint_url=minio:9000", "endpoint_url must look like"),
        ("s3://bucket?endpoint_url=http://minio:9000/x", "endpoint_url must look like"),
    ],
)
def test_parse_archive_url_says_what_would_be_right(url: str, hint: str) -> None:
    """Each mistake gets its own remedy."""
    with pytest.raises(ValueError, match=hint):
        parse_archive_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hunter2@bucket/a",
        "s3://hunter2@bucket/a",
        "s3://bucket/a?secret=hunter2",
        "s3://bucket/a?hunter2",
        "s3://bucket/a?endpoint_url=http://user:hunter2@host",
    ],
)
def test_parse_archive_url_never_quotes_a_secret(url: str) -> None:
    """Where one may stand it is refused, and not shown."""
    with pytest.raises(ValueError, match="it") as caught:
        parse_archive_url(url)
    assert "hunter2" not in str(caught.value)


def test_shown_has_no_options() -> None:
    """People are told the place."""
    assert parse_archive_url("s3://bucket/a/?endpoint_url=http://h:1").shown == "s3://bucket/a"
    assert parse_archive_url("file:///var/a").shown == "file:///var/a"


@given(st.text())
def test_parse_archive_url_takes_or_refuses_anything(text: str) -> None:
    """And raises nothing else; what it takes has no way out of its folder."""
    for url in (text, f"file:///{text}", f"s3://bucket/{text}"):
        try:
            found = parse_archive_url(url)
        except ValueError:
            continue
        assert ".." not in found.path.split("/")


def test_place_has_a_digest_whatever_leads_there() -> None:
    """Processes compare theirs; options are how one comes there."""
    digests = [parse_archive_url(url).digest for url in ("s3://bucket/a", "s3://bucket/a/?region=x", "s3://bucket/b")]
    assert digests[0] == digests[1] != digests[2]
    assert all(digest.isalnum() for digest in digests)
