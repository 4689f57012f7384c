"""The files under ``deploy/``, the image's and the compose file's settings say what the code says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from orchestrator.contract.archive_url import parse_archive_url
from orchestrator.process.metrics import Metrics
from orchestrator.settings import Settings
from tools import lock

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SAME = re.compile(
    r"backlog|oldest_waiting|dead_letters\b|orphan|brands_dead_letters_only"
    r"|archive_(?:waiting|oldest|late|brands_full|skipped)"
)
"""Metrics that every process tells alike, by their names."""
SETTING_NAMES = {name.upper() for name in Settings.model_fields}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")


def exposed_series() -> set[str]:
    """All series names of a scrape."""
    metrics = Metrics()
    metrics.add_route("desk")
    body, _ = metrics.render()
    return set(re.findall(r"^(orchestrator_\w+)", body.decode(), re.MULTILINE))


def named_series(text: str) -> set[str]:
    """All series names of ours in *text*."""
    return set(re.findall(r"\borchestrator_\w+", text))


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml", "alerts_days_test.yml", "grafana-board.json"])
def test_deploy_names_only_exposed_metrics(name: str) -> None:
    """Every metric in rules, their tests and the board is one that the service exposes."""
    named = named_series((DEPLOY / name).read_text())
    assert named
    assert named <= exposed_series()


def test_grafana_board_is_importable_json() -> None:
    """The board has a title, a data source variable, and panels with distinct ids and at least one query each."""
    board = json.loads((DEPLOY / "grafana-board.json").read_text())
    assert board["title"]
    assert "datasource" in {variable["name"] for variable in board["templating"]["list"]}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["targets"] for panel in board["panels"] if panel["type"] != "row")


def test_grafana_board_keeps_what_is_global_apart() -> None:
    """Figures that every process tells alike stand in a row of their own, and all of them stand in it."""
    board = json.loads((DEPLOY / "grafana-board.json").read_text())
    rows: dict[str, str] = {}
    row = ""
    for panel in sorted(board["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"])):
        row = panel["title"] if panel["type"] == "row" else row
        rows[row] = rows.get(row, "") + json.dumps(panel.get("targets", []))
    assert list(rows) == ["The whole fleet: the same from every process", "All processes together", "Each process"]
    fleet, together, each = rows.values()
    assert {name for name in exposed_series() if SAME.search(name)} <= named_series(fleet) | {
        "orchestrator_orphan_bytes"
    }
    assert not SAME.search(together + each)
    assert "freshness" in together
    assert "duplicate" in together


def test_grafana_panels_do_not_overlap() -> None:
    """No two panels take the same place."""
    taken = [
        (column, line)
        for panel in json.loads((DEPLOY / "grafana-board.json").read_text())["panels"]
        for place in (panel["gridPos"],)
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))


def test_grafana_board_shows_all_that_becomes_of_chunks_and_brands() -> None:
    """Every kind of chunk that the service counts, and every kind of brand at present, has a curve."""
    shown = named_series((DEPLOY / "grafana-board.json").read_text())
    kinds = re.compile(r"orchestrator_(chunks_\w+_total|brands_\w+(?<!_total))")
    counted = {name for name in exposed_series() if kinds.fullmatch(name)}
    assert len(counted) > 9
    assert counted <= shown


def test_grafana_board_shows_routes_of_alerts() -> None:
    """Each by its name: what waits and is kept, whether its endpoint takes it, and what became of its alerts."""
    shown = named_series((DEPLOY / "grafana-board.json").read_text())
    routes = {name for name in exposed_series() if name.startswith("orchestrator_route_")}
    assert len(routes - shown) < len(routes)
    assert {name for name in routes if not name.endswith("_created")} <= shown


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("test", "rules", "alerts_days_test.yml"),
    ],
)
def test_prometheus_files_satisfy_promtool(arguments: tuple[str, ...]) -> None:
    """Prometheus's own tool accepts the scrape configuration, and each alert fires when it should and only then."""
    done = subprocess.run(["promtool", *arguments], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_exercised() -> None:
    """No rule stands in alerts.yml without a fault in its tests that must fire it."""
    rules = set(re.findall(r"alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
    tests = "".join(path.read_text() for path in sorted(DEPLOY.glob("alerts_*test.yml")))
    fired = set(re.findall(r'labels: .\{alertname="(\w+)"', tests))
    assert rules
    assert rules == fired


def test_every_runbook_is_there() -> None:
    """Every alert leads to a page about itself, and no page is left over."""
    text = (DEPLOY / "alerts.yml").read_text()
    alerts = re.split(r"^      - alert: ", text, flags=re.MULTILINE)[1:]
    named = {
        alert.split("\n")[0]: re.findall(r"^          runbook_url: (\S+)$", alert, re.MULTILINE) for alert in alerts
    }
    assert [name for name, urls in named.items() if len(urls) != 1] == []
    pages = {name: ROOT / url for name, (url,) in named.items()}
    assert all(page.read_text().startswith(f"# {name}\n") for name, page in pages.items())
    assert set(pages.values()) == set((ROOT / "docs" / "runbooks").glob("*.md"))


def test_runbooks_get_their_base_in_one_place() -> None:
    """What the head of the file says makes links of all of them."""
    text = (DEPLOY / "alerts.yml").read_text()
    told = re.search(r"sed -i 's#(.*?)#(.*?)#' alerts.yml", text)
    assert told is not None
    rules = text.partition("groups:")[2].replace(told[1], told[2])
    assert rules.count("runbook_url: ") == rules.count("runbook_url: https://YOUR.PLACE/docs/runbooks/") > 20


def test_board_and_rules_never_sum_what_every_process_tells_alike() -> None:
    """The backlog is the same from each: a sum over three processes is three times too much."""
    same = "|".join(name for name in exposed_series() if SAME.search(name))
    assert len(same.split("|")) == 14
    for name in ("alerts.yml", "grafana-board.json"):
        text = (DEPLOY / name).read_text()
        uses = len(re.findall(rf"(?:{same})\b", text))
        assert uses > 1
        assert len(re.findall(rf"(?:max|min)\((?:min_over_time\()?(?:{same})\b", text)) == uses


def test_compose_sets_what_the_rest_of_it_rests_on() -> None:
    """Its own Redis and the ports that it publishes, whatever stands in ``.env``; all else comes from there."""
    text = (ROOT / "docker-compose.orchestrator.yml").read_text()
    given = re.search(r"environment:\n((?: {6}[A-Z_]+: .*\n)+)", text)
    assert given is not None
    lines = dict(re.findall(r"^ +([A-Z_]+): (.*)$", given[1], re.MULTILINE))
    assert set(lines) <= SETTING_NAMES
    ports = {name: str(Settings.model_fields[name.lower()].default) for name in ("HTTP_PORT", "PROMETHEUS_PORT")}
    assert lines == {"REDIS_URL": "redis://redis:6379", "HTTP_HOST": "0.0.0.0", **ports}  # noqa: S104 - in a container
    assert re.findall(r":(\d+)\"$", text, re.MULTILINE) == list(ports.values())
    assert "env_file:" in text
    assert "path: .env" in text


def test_compose_keeps_an_archive_where_the_image_may_write() -> None:
    """In the volume that is mounted, which belongs to the user of the image before the service begins."""
    text = (ROOT / "docker-compose.archive.yml").read_text()
    services = yaml.safe_load(text)["services"]
    assert set(services) - {"archive-folder"} <= set(
        yaml.safe_load((ROOT / "docker-compose.orchestrator.yml").read_text())["services"]
    )
    service, folder = services["orchestrator"], services["archive-folder"]
    assert parse_archive_url(service["environment"]["ARCHIVE_URL"]).path.startswith("/archive/")
    assert service["volumes"] == folder["volumes"] == ["archive:/archive"]
    (user,) = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert f"chown {user} /archive" in folder["command"][-1]
    assert service["build"]["args"]["LOCK"] in lock.LOCKS  # closed days become Parquet where pyarrow is
    assert "docs/archive.md" in text


def test_image_listens_where_the_settings_do() -> None:
    """The image exposes the default ports, asks for the compiled kernel, and runs as a numbered user."""
    text = (ROOT / "Dockerfile").read_text()
    ports = f"{Settings.model_fields['http_port'].default} {Settings.model_fields['prometheus_port'].default}"
    assert f"EXPOSE {ports}\n" in text
    assert text.count("ORCHESTRATOR_MERGE=cython") == 2
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", text, re.MULTILINE)


def test_image_is_small_unless_another_lock_is_named() -> None:
    """By default it has no extra but the embedded server; the lock with the archive's extras reaches the build."""
    text = (ROOT / "Dockerfile").read_text()
    assert "ARG LOCK=pylock.toml\n" in text
    small, large = (lock.LOCKS[name] for name in ("pylock.toml", "pylock.archive.toml"))
    assert set(large) - set(small) == {"archive", "dask"}
    assert "!pylock.archive.toml\n" in (ROOT / ".dockerignore").read_text()


def test_image_listens_on_all_addresses() -> None:
    """Outside of an image only this machine is served; inside, everybody who asks comes from outside."""
    assert re.search(r"^ +HTTP_HOST=0\.0\.0\.0 ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert Settings().http_host == "127.0.0.1"
