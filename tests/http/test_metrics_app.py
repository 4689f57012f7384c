"""``/metrics`` on its own port, read by promtool and by a real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import httpx2
import pytest
import trio

from orchestrator.http import build_metrics_app, serve

if TYPE_CHECKING:
    from pathlib import Path

    from quart_trio import QuartTrio

    from orchestrator.process.metrics import Metrics

START_LIMIT_S = 60.0


@pytest.fixture
def metrics_app(metrics: Metrics) -> QuartTrio:
    """The application for ``PROMETHEUS_PORT``."""
    return build_metrics_app(metrics)


async def test_metrics_are_served_as_text(metrics_app: QuartTrio, metrics: Metrics) -> None:
    """Without a wish, the classic text format."""
    metrics.commit("ok")
    response = await metrics_app.test_client().get("/metrics")
    assert response.content_type.startswith("text/plain; version=0.0.4")
    assert b'orchestrator_commits_total{outcome="ok"} 1.0' in await response.get_data(as_text=False)


async def test_metrics_are_served_as_openmetrics_on_request(metrics_app: QuartTrio) -> None:
    """A scraper that prefers OpenMetrics gets it."""
    response = await metrics_app.test_client().get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"}
    )
    assert response.content_type.startswith("application/openmetrics-text")


async def test_metrics_app_has_nothing_else(metrics_app: QuartTrio) -> None:
    """Pages and probes are not on this port."""
    assert (await metrics_app.test_client().get("/health")).status_code == 404


class Scrapes:
    """Counts scrapes and lets a test wait for one of them."""

    def __init__(self, app: QuartTrio) -> None:
        self.seen = 0
        self.news = trio.Condition()
        app.after_request(self.count)

    async def count(self, response):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - Quart's hook
        """One more answered scrape."""
        async with self.news:
            self.seen += 1
            self.news.notify_all()
        return response

    async def wait_for(self, number: int) -> None:
        """Return once *number* scrapes were answered."""
        async with self.news:
            while self.seen < number:
                await self.news.wait()


def prometheus_command(folder: Path, target_port: int, own_port: int) -> list[str]:
    """A Prometheus that scrapes the target twice a second and keeps its data in *folder*."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    (folder / "prometheus.yml").write_text(
        "scrape_configs:\n"
        "  - job_name: orchestrator\n"
        "    scrape_interval: 500ms\n"
        "    scrape_timeout: 500ms\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]\n"
    )
    return [
        binary,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{own_port}",
        "--log.level=error",
    ]


async def free_port() -> int:
    """A port that nobody listens on at the moment."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        return int(listener.socket.getsockname()[1])


async def test_a_real_prometheus_reads_the_metrics(
    metrics_app: QuartTrio, metrics: Metrics, nursery: trio.Nursery, tmp_path: Path
) -> None:
    """Scraped three times, the values can be queried: the format is right for the real reader."""
    scrapes, stop = Scrapes(metrics_app), trio.Event()
    metrics.merged(chunks=3, clusters=5, mentions=70, retimed=0, duplicates=0)
    port = await nursery.start(partial(serve, metrics_app, "127.0.0.1", 0, shutdown=stop))
    own_port = await free_port()
    command = prometheus_command(tmp_path, port, own_port)
    process = await nursery.start(partial(trio.run_process, command, stdout=subprocess.DEVNULL, check=False))
    with trio.fail_after(START_LIMIT_S):
        await scrapes.wait_for(3)  # the third begins after the first was stored
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{own_port}/api/v1") as client:
            answers = {
                # Over the last minute: on a busy machine the newest scrape may have been too slow.
                query: (await client.get("/query", params={"query": f"max_over_time({query}[1m])"})).json()["data"][
                    "result"
                ]
                for query in ("up", "orchestrator_chunks_merged_total", "orchestrator_build_info")
            }
    process.terminate()
    stop.set()
    assert [answer["value"][1] for answer in answers["up"]] == ["1"]
    assert [answer["value"][1] for answer in answers["orchestrator_chunks_merged_total"]] == ["3"]
    assert answers["orchestrator_build_info"][0]["metric"]["merge_implementation"] == "python"
