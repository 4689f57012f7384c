"""Renders charts in a process of its own; a program: cases as JSON on standard input, results on standard output.

Helm's library is a Go program, whose signal handlers and threads are kept away from the tests' process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "deploy" / "helm" / "orchestrator"
RELEASE, NAMESPACE = "live", "brands"


def render(cases: list[dict[str, Any]]) -> list[dict[str, str] | str]:
    """The files of the chart for each of the values, or the words of a refusal."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chart.render"],
        cwd=ROOT,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, str] | str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Render each case of standard input; the first answer is the linter's."""
    import helm_python  # noqa: PLC0415 - here alone: see above

    results: list[Any] = [helm_python.lint(CHART, {"redis": {"url": "redis://valkey"}}, strict=True)]
    with helm_python.Chart.load(CHART) as chart:
        for values in json.load(sys.stdin):
            try:
                # rendering alone merges and does not check, as `helm install` does first
                chart.validate_schema(chart.merge_values(values))
                results.append(chart.render(values, name=RELEASE, namespace=NAMESPACE))
            except helm_python.HelmError as error:
                results.append(str(error))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
