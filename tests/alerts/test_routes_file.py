"""A file of routes: what is right is read, what is wrong is named with route, field, value and what would be right."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from orchestrator.alerts import routes_file
from orchestrator.alerts.quiet import Quiet, Span
from orchestrator.alerts.routes import Address, Route
from orchestrator.alerts.routes_file import MAX_ROUTES, RoutesError, parse_routes, read_routes
from orchestrator.alerts.signing import SigningSecret

SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
URL = "https://hooks.example/hidden"


def read(text: str, folder: Path = Path()) -> tuple[Route, ...]:
    """The routes of a file with this text."""
    return parse_routes(text.encode(), folder=folder, cooldown_s=900)


def mistakes(text: str) -> str:
    """What is said of a file with this text."""
    with pytest.raises(RoutesError) as caught:
        read(text)
    return str(caught.value)


def of_route(line: str) -> str:
    """What is said of a route with this line in it."""
    return mistakes(f'[[route]]\nname = "desk"\nurl = "{URL}"\n{line}\n')


def test_a_route_has_all_that_is_said_of_it(tmp_path: Path) -> None:
    """Every field, in its unit; files stand beside the file of routes."""
    (tmp_path / "url").write_text(f"{URL}\n")
    (tmp_path / "key").write_text(f"{SECRET}\n")
    first, second = read(
        f"""
        [[route]]
        name = "desk.1"
        url = "{URL}"
        secret = "{SECRET}"
        format = "slack"
        kinds = ["mood", "volume"]
        brands = ["acme*", "globex"]
        min_score = 60
        min_mentions = 100
        digest_minutes = 15
        cooldown_minutes = 2.5
        zone = "Europe/Berlin"
        quiet = [
            {{ days = ["mon-fri"], from = "22:00", to = "07:00" }},
            {{ days = ["sat", "sun-mon"], from = "00:00", to = "24:00" }},
        ]
        quiet_then = "drop"
        [[route]]
        name = "other"
        url_file = "url"
        secret_file = "key"
        """,
        tmp_path,
    )
    assert first == Route(
        "desk.1",
        Address(URL),
        SigningSecret(SECRET),
        "slack",
        frozenset({"mood", "volume"}),
        ("acme*", "globex"),
        60.0,
        100,
        Quiet((Span(frozenset(range(5)), 1320, 1860), Span(frozenset({5, 6, 0}), 0, 1440)), "Europe/Berlin"),
        "drop",
        15 * 60_000,
        150.0,
    )
    assert second == Route("other", Address(file=str(tmp_path / "url")), SigningSecret(file=str(tmp_path / "key")))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kinds = []", "kinds = []: it must be a list of 1 to 3 kinds, or left out for all"),
        ('kinds = ["moods"]', "kinds: 'moods' is no kind; there are volume, mood, story"),
        ('kinds = "mood"', "kinds = 'mood': it must be a list"),
        ("brands = [1]", "brands = [1]: it must be a list of 1 to 500 names and patterns of brands"),
        ('brands = [""]', "brands: '' must have 1 to 256 bytes"),
        ("min_score = -1", "min_score = -1: it must be a number from 0 to 1,000,000"),
        ("min_score = nan", "min_score = nan: it must be a number"),
        ("min_score = true", "min_score = True: it must be a number"),
        ("min_mentions = 1.5", "min_mentions = 1.5: it must be a whole number from 0 to"),
        ("digest_minutes = 1441", "digest_minutes = 1441: it must be a whole number from 0 to 1,440"),
        ('cooldown_minutes = "5"', "cooldown_minutes = '5': it must be a number from 0 to 1,440"),
        ('format = "xml"', "format = 'xml': it must be json or slack"),
        ('zone = "Berlin"', "zone = 'Berlin': it must be the name of a time zone, such as Europe/Berlin"),
        ('zone = "../../etc/passwd"', "zone = '../../etc/passwd': it must be the name"),
        ('zone = "Europe"', "zone = 'Europe': it must be the name"),
        ('zone = "UTC"', "zone is there without quiet"),
        ('quiet_then = "drop"', "quiet_then is there without quiet"),
        ('quiet = "22-7"', "quiet = '22-7': it must be a list of 1 to 20 like"),
        ('quiet = [{from = "22:00"}]', "quiet: {'from': '22:00'} must look like"),
        ('quiet = [{from = "22:00", to = "7:00"}]', "quiet: '7:00' must be a time of the day from 00:00 to 24:00"),
        ('quiet = [{from = "22:00", to = "24:30"}]', "quiet: '24:30' must be a time of the day"),
        ("quiet = [{from = 22:00:00, to = 07:00:00}]", "must be a time of the day from 00:00 to 24:00, in quotes"),
        ('quiet = [{from = "22:00", to = "22:00"}]', "is no stretch of time; whole days are 00:00 to 24:00"),
        ('quiet = [{from = "24:00", to = "07:00"}]', "is no stretch of time"),
        ('quiet = [{from = "00:00", to = "24:00"}]', "quiet: it covers the whole week"),
        ('quiet = [{days = ["monday"], from = "22:00", to = "07:00"}]', "days has 'monday'; there are mon, tue"),
        ('quiet = [{days = [], from = "22:00", to = "07:00"}]', "days has []; there are mon"),
        ('quiet = [{from = "22:00", to = "07:00"}]\nquiet_then = "keep"', "quiet_then = 'keep': it must be digest or"),
        ('secret = "hunter2"', "secret: it must be whsec_ and 16 to 128 bytes in base64"),
        ('url_file = "x"', "url and url_file are both there: leave one out"),
        ('secret_file = "missing"', "secret_file: the file missing cannot be read"),
        ("secret_file = 7", "secret_file = 7: it must be the path of a file"),
        ('brand = "acme"', "'brand' is no field of a route; there are brands, cooldown_minutes"),
    ],
)
def test_a_mistake_is_named(line: str, said: str) -> None:
    """With the route, and nothing of its secrets."""
    text = of_route(line)
    assert text.startswith("route 'desk': ")
    assert said in text
    assert "hunter2" not in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has 0 [[route]]; it needs 1 to 20"),
        ("route = 1", "it has 0 [[route]]"),
        ("routes = 1", "'routes' is no field here; routes stand in [[route]]"),
        ("[[route]]", "route 1: it has neither url nor url_file"),
        ("[[route]]", "route 1: name is missing"),
        ("route = [1]", "route 1: name is missing"),
        ('[[route]]\nname = "A b"\nurl = "x"', "route 1: name = 'A b': it must be letters a to z"),
        ('[[route]]\nname = "a"\nurl = "ftp://hidden"', "route 'a': url: it must look like https://host/path"),
        ('[[route]]\nname = "a"\nurl = 1', "route 'a': url: it must look like https://host/path"),
        (f'[[route]]\nname = "a"\nurl = "{URL}"\n' * 2, "route 'a': 2 routes have this name"),
        ("[[route]", "it is no TOML: "),
        ("a = " + "[" * 60_000, "it is no TOML: "),
        ("a = " + "9" * 5_000, "it is no TOML: "),
    ],
)
def test_a_file_that_is_none_is_named(text: str, said: str) -> None:
    """Whatever lies there."""
    told = mistakes(text)
    assert said in told
    assert "hidden" not in told


def test_all_mistakes_are_named_at_once_within_a_bound() -> None:
    """Nobody mends them one by one, and nobody reads a thousand."""
    text = mistakes("[[route]]\nmin_score = -1\nmin_mentions = -1\n" * 10)
    assert len(text.splitlines()) == routes_file.MAX_SAID + 1
    assert text.endswith("and 20 more")
    assert "route 1: min_mentions = -1" in text


def test_routes_are_bounded() -> None:
    """In number, and the file in size."""
    one = '[[route]]\nname = "r{}"\nurl = "https://hooks.example/"\n'
    most = "".join(one.format(number) for number in range(MAX_ROUTES))
    assert len(read(most)) == MAX_ROUTES
    assert "it has 21 [[route]]" in mistakes(most + one.format("x"))


def test_no_utf8_is_named() -> None:
    """As what it is."""
    with pytest.raises(RoutesError, match="it is no UTF-8"):
        parse_routes(b"\xff", folder=Path(), cooldown_s=0)


def test_a_file_is_read_within_bounds(tmp_path: Path) -> None:
    """What is missing or too large is named with its path."""
    path = tmp_path / "routes.toml"
    with pytest.raises(RoutesError, match=r"routes\.toml cannot be read"):
        read_routes(str(path), cooldown_s=0)
    path.write_text(f'[[route]]\nname = "a"\nurl = "{URL}"\n')
    (route,) = read_routes(str(path), cooldown_s=7)
    assert (route.name, route.cooldown_s) == ("a", 7)
    path.write_text("#" * (routes_file.MAX_FILE_BYTES + 1))
    with pytest.raises(RoutesError, match="has more than 65536 bytes"):
        read_routes(str(path), cooldown_s=0)
