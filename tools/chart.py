"""What the Helm chart has from elsewhere: the schema of its values, the alert rules, the board, the version.

Owns ``values.schema.json``, ``files/`` and the line ``appVersion`` below ``deploy/helm/orchestrator``. ``make schemas``
writes them; ``tests/chart`` holds them to their sources. A chart cannot reach what is outside of its folder, hence
copies.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator import __version__
from orchestrator.settings import Settings
from orchestrator.settings.settings import SECRET_FIELDS

ROOT: Final = Path(__file__).parent.parent
CHART: Final = ROOT / "deploy" / "helm" / "orchestrator"
TYPED: Final = {
    "concurrencyLimit": "CONCURRENCY_LIMIT",
    "lockTtlSec": "LOCK_TTL_SEC",
    "logLevel": "LOG_LEVEL",
    "mergeSimilarityThreshold": "MERGE_SIMILARITY_THRESHOLD",
    "publicUrl": "PUBLIC_URL",
    "shutdownGraceSec": "SHUTDOWN_GRACE_SEC",
    "summaryWindowSec": "SUMMARY_WINDOW_SEC",
}
"""Values with a name of their own, and the settings that they are."""
REDIS: Final = frozenset({"REDIS_URL", "REDIS_USERNAME"})
"""Settings below ``redis``."""
ARCHIVE: Final = frozenset({"ARCHIVE_URL"})
"""Settings below ``archive``."""
_PROVIDER: Final = "^(AWS|GOOGLE|AZURE)_[A-Z0-9_]+$"
"""Variables of the providers of buckets: no settings of the service, their tools read them."""
OWN: Final = frozenset({"ORCHESTRATOR_ID", "HTTP_PORT", "PROMETHEUS_PORT"})
"""Settings that the chart gives itself: the pod's name, and the ports that its Service leads to."""
REDIS_URL: Final = r"^$|^rediss?(\+[a-z]+)?://"
"""A private server (``embedded://``) would be another one in every pod."""
_COPIES: Final = ("alerts.yml", "grafana-board.json")
_NAME: Final = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253}
_KEY: Final = {"type": "string", "pattern": "^[-._a-zA-Z0-9]+$", "maxLength": 253}
_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_ANY: Final = {"type": "object"}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_ANY_LIST: Final = {"type": "array", "items": {"type": "object"}}

Schema = Mapping[str, Any]


def files() -> dict[Path, str]:
    """Everything of the chart that is written, by its place."""
    chart = (CHART / "Chart.yaml").read_text()
    copies = {CHART / "files" / name: (ROOT / "deploy" / name).read_text() for name in _COPIES}
    return {
        CHART / "Chart.yaml": re.sub(
            r'^appVersion: "[^"]*"', f'appVersion: "{__version__}"', chart, flags=re.MULTILINE
        ),
        CHART / "values.schema.json": json.dumps(schema(), indent=1) + "\n",
        **copies,
    }


def places() -> dict[str, frozenset[str]]:
    """Where each setting of the service is given; every one has exactly one place among the first four."""
    names = frozenset(name.upper() for name in Settings.model_fields)
    secret = frozenset(name.upper() for name in SECRET_FIELDS)
    in_files = frozenset(name for name in names if name.endswith("_FILE"))
    own = OWN | REDIS | ARCHIVE | frozenset(TYPED.values())
    return {
        "own": own,
        "secretFiles": in_files,
        "secretEnv": secret,
        "settings": names - own - in_files - secret,
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of the values: every name and bound of the settings is the service's own."""
    place = places()
    settings = _settings()
    secret = {**_object(name=_NAME, key=_KEY), "required": ["name", "key"]}
    optional = {"anyOf": [_NAME, {"const": ""}]}
    replicas = _whole(1, 1_000)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart; written by `make schemas`",
        **_object(
            **{"global": _ANY},  # Helm's own, in a subchart
            nameOverride=_TEXT,
            fullnameOverride=_TEXT,
            image=_object(
                repository={"type": "string", "minLength": 1},
                tag=_TEXT,
                digest={"type": "string", "pattern": "^$|^sha256:[0-9a-f]{64}$"},
                pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
            ),
            imagePullSecrets={"type": "array", "items": _object(name=_NAME)},
            replicas=_whole(0, 1_000),
            redis=_object(
                url={"type": "string", "pattern": REDIS_URL},
                username=settings["REDIS_USERNAME"],
                tls=_object(
                    caSecret=_object(name=optional, key=_KEY),
                    clientSecret=_object(name=optional, certKey=_KEY, keyKey=_KEY),
                ),
            ),
            **{name: _or_null(settings[setting]) for name, setting in TYPED.items() if name != "shutdownGraceSec"},
            shutdownGraceSec=settings["SHUTDOWN_GRACE_SEC"],
            settings=_object(**{name: settings[name] for name in sorted(place["settings"])}),
            secretFiles=_object(**dict.fromkeys(sorted(place["secretFiles"]), secret)),
            secretEnv=_object(**dict.fromkeys(sorted(place["secretEnv"] | {"REDIS_URL"}), secret)),
            archive=_object(
                url=settings["ARCHIVE_URL"],
                claim=optional,
                env={**_object(), "patternProperties": {_PROVIDER: _TEXT}},
                secretEnv={**_object(), "patternProperties": {_PROVIDER: secret}},
                secretFiles={**_object(), "patternProperties": {_PROVIDER: secret}},
            ),
            tracing={**_object(), "patternProperties": {"^OTEL_[A-Z0-9_]+$": _TEXT}},
            resources=_ANY,
            tmpSizeLimit=_TEXT,
            podAnnotations=_TEXTS,
            podLabels=_TEXTS,
            nodeSelector=_TEXTS,
            tolerations=_ANY_LIST,
            affinity=_ANY,
            priorityClassName=_TEXT,
            serviceAccountName=_NAME,
            topologySpread=_object(enabled=_FLAG, whenUnsatisfiable={"enum": ["ScheduleAnyway", "DoNotSchedule"]}),
            service=_object(type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, annotations=_TEXTS),
            ingress=_object(
                enabled=_FLAG,
                className=_TEXT,
                annotations=_TEXTS,
                hosts={"type": "array", "items": {"type": "string", "minLength": 1}},
                path={"type": "string", "pattern": "^/"},
                tlsSecret=optional,
            ),
            podDisruptionBudget=_object(
                enabled=_FLAG,
                maxUnavailable={"anyOf": [_whole(1, 1_000), {"type": "string", "pattern": "^[1-9][0-9]?%$"}]},
            ),
            networkPolicy=_object(
                enabled=_FLAG,
                httpFrom=_ANY_LIST,
                metricsFrom=_ANY_LIST,
                egress=_object(enabled=_FLAG, redis=_ANY_LIST, extra=_ANY_LIST),
            ),
            serviceMonitor=_object(
                enabled=_FLAG, interval={"type": "string", "pattern": "^[0-9]+(s|m)$"}, labels=_TEXTS
            ),
            prometheusRule=_object(
                enabled=_FLAG, labels=_TEXTS, runbookBase={"type": "string", "pattern": "^$|^https?://"}
            ),
            dashboard=_object(enabled=_FLAG, labels=_TEXTS, annotations=_TEXTS),
            keda=_object(
                enabled=_FLAG,
                trigger={"enum": ["prometheus", "lag"]},
                minReplicas=replicas,
                maxReplicas=replicas,
                chunksPerReplica=_whole(1, 1_000_000_000),
                pollingIntervalSec=_whole(1, 3_600),
                scaleDownStabilizationSec=_whole(0, 3_600),
                fallback=_object(failures=_whole(1, 1_000), replicas=replicas),
                prometheus=_object(serverAddress={"type": "string", "pattern": "^$|^https?://"}, query=_TEXT),
                lag=_object(tokenSecret=_object(name=optional, key=_KEY)),
            ),
            autoscaling=_object(
                enabled=_FLAG,
                minReplicas=replicas,
                maxReplicas=replicas,
                cpuPercent=_whole(1, 1_000),
                scaleDownStabilizationSec=_whole(0, 3_600),
            ),
        ),
    }


def _settings() -> dict[str, dict[str, Any]]:
    """What each setting may be, by its name: type, bounds and meaning as the service has them, without its default."""
    properties = Settings.model_json_schema()["properties"]
    return {
        name.upper(): {key: value for key, value in found.items() if key not in ("default", "title")}
        for name, found in properties.items()
    }


def _object(**properties: Schema) -> dict[str, Any]:
    """An object of these and no other names."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _or_null(found: Schema) -> dict[str, Any]:
    """*found*, or null for the service's own default."""
    return {"anyOf": [{"type": "null"}, found]}


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def main() -> int:
    """Write the files anew."""
    for place, text in files().items():
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
