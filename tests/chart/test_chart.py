"""The chart gives what it says for six sets of values, an API server would take it, typos are found in each kind."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.contract.address import parse_address
from orchestrator.settings import Settings
from tests.chart.check import NEWEST, OLDEST, Manifest, fault, manifests
from tests.chart.render import CHART, NAMESPACE, ROOT, render
from tools import chart

pytestmark = pytest.mark.skipif(find_spec("helm_python") is None, reason="there is no Helm for this machine")

EXAMPLES = ROOT / "deploy" / "helm" / "examples"
SETS = ("minimal", "production", "keda-prometheus", "keda-lag", "hpa", "cluster")
NAME = "live-orchestrator"
REDIS = {"redis": {"url": "redis://valkey:6379"}}
KEDA = {"enabled": True, "trigger": "prometheus", "prometheus": {"serverAddress": "http://prometheus:9090"}}

REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no Redis": ({}, "redis.url is empty"),
    "a private server in every pod": ({"redis": {"url": "embedded://"}}, "redis.url|/redis/url"),
    "a setting that is none": (REDIS | {"settings": {"CONCURENCY_LIMIT": 3}}, "CONCURENCY_LIMIT"),
    "a setting beyond its bounds": (REDIS | {"settings": {"MAX_RETRIES": 101}}, "MAX_RETRIES"),
    "a setting as a text": (REDIS | {"settings": {"MAX_RETRIES": "3"}}, "MAX_RETRIES"),
    "a setting with a value of its own": (REDIS | {"settings": {"LOCK_TTL_SEC": 6}}, "LOCK_TTL_SEC"),
    "a secret in the open": (REDIS | {"settings": {"ALERT_WEBHOOK_SECRET": "x"}}, "ALERT_WEBHOOK_SECRET"),
    "a file as a value": (REDIS | {"settings": {"HTTP_TOKEN_FILE": "/x"}}, "HTTP_TOKEN_FILE"),
    "a value that is none": (REDIS | {"keda": {"minReplica": 3}}, "minReplica"),
    "nobody who counts": (REDIS | {"keda": {"minReplicas": 0}}, "minReplicas"),
    "a secret without a key": (REDIS | {"secretFiles": {"HTTP_TOKEN_FILE": {"name": "s"}}}, "key"),
    "two URLs": (REDIS | {"secretEnv": {"REDIS_URL": {"name": "s", "key": "k"}}}, "both given"),
    "two scalers": (REDIS | {"keda": KEDA, "autoscaling": {"enabled": True}}, "both enabled"),
    "more at least than at most": (REDIS | {"autoscaling": {"minReplicas": 5, "maxReplicas": 4}}, "5 is above"),
    "no Prometheus": (REDIS | {"keda": {"enabled": True}}, "serverAddress is empty"),
    "KEDA without a token": (
        REDIS
        | {"keda": {"enabled": True, "trigger": "lag"}, "secretFiles": {"HTTP_TOKEN_FILE": {"name": "s", "key": "k"}}},
        "tokenSecret",
    ),
    "certificates without TLS": (
        {"redis": {"url": "redis://valkey", "tls": {"caSecret": {"name": "ca"}}}},
        "no rediss URL",
    ),
    "an Ingress for nobody": (REDIS | {"ingress": {"enabled": True}}, "ingress.hosts is empty"),
    "a folder that goes with its pod": (REDIS | {"archive": {"url": "file:///tmp/archive"}}, "archive.claim"),
    "a folder beside its claim": (REDIS | {"archive": {"url": "file:///data", "claim": "kept"}}, "mounted at /archive"),
    "an archive nowhere": (REDIS | {"settings": {"ARCHIVE_URL": "s3://bucket"}}, "ARCHIVE_URL"),
    "a key in the open and in a secret": (
        REDIS
        | {
            "archive": {
                "env": {"AWS_ACCESS_KEY_ID": "x"},
                "secretEnv": {"AWS_ACCESS_KEY_ID": {"name": "s", "key": "k"}},
            }
        },
        "given twice",
    ),
    "no way to Redis": (REDIS | {"networkPolicy": {"enabled": True, "egress": {"enabled": True}}}, "no Redis"),
}

EXTRAS: dict[str, dict[str, Any]] = {
    "numbers": REDIS | {"settings": {"MAX_CHUNK_BYTES": 8_388_608, "REDIS_TIMEOUT_SEC": 0.05, "SETTINGS_ADOPT": True}},
    "a bucket": REDIS
    | {
        "archive": {
            "url": "s3://bucket/folder",
            "env": {"AWS_REGION": "eu-central-1"},
            "secretEnv": {"AWS_ACCESS_KEY_ID": {"name": "keys", "key": "id"}},
            "secretFiles": {"AWS_SHARED_CREDENTIALS_FILE": {"name": "keys", "key": "file"}},
        }
    },
    "a folder": REDIS | {"archive": {"url": "file:///archive/orchestrator", "claim": "kept"}},
    "grace": REDIS | {"shutdownGraceSec": 0.1},
    "two releases": REDIS | {"fullnameOverride": "other"},
    "sentinels by settings": {
        "redis": {"url": "rediss://", "tls": {"caSecret": {"name": "ca"}}},
        "settings": {"REDIS_SENTINELS": "s-0.redis:26379,s-1.redis", "REDIS_SENTINEL_MASTER": "mymaster"},
        "secretFiles": {"REDIS_SENTINEL_PASSWORD_FILE": {"name": "sentinels", "key": "password"}},
    },
    "sentinels alone": {"settings": {"REDIS_SENTINELS": "s-0.redis", "REDIS_SENTINEL_MASTER": "mymaster"}},
    "tls beside parameters": {
        "redis": {"url": "rediss://valkey/0?ssl_cert_reqs=required", "tls": {"caSecret": {"name": "ca"}}}
    },
}

Rendered = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def answers() -> tuple[Any, Rendered, dict[str, str]]:
    """One run of Helm for all: the linter's report, what was rendered, what was refused."""
    sets: dict[str, Any] = {name: yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()) for name in SETS}
    wanted = {**sets, **EXTRAS}
    lint, *found = render([*wanted.values(), *(values for values, _ in REFUSALS.values())])
    rendered = dict(zip(wanted, found, strict=False))
    assert {name: text for name, text in rendered.items() if isinstance(text, str)} == {}
    refused = dict(zip(REFUSALS, found[len(wanted) :], strict=True))
    return lint, rendered, {name: text if isinstance(text, str) else "" for name, text in refused.items()}  # type: ignore[return-value]


@pytest.fixture(scope="module")
def objects(answers: tuple[Any, Rendered, dict[str, str]]) -> dict[str, dict[str, Manifest]]:
    """The objects of each set of values, by kind."""
    return {
        name: {
            found["kind"]: found
            for path, text in sorted(files.items())
            if not path.endswith("NOTES.txt")
            for found in manifests(text)
        }
        for name, files in answers[1].items()
    }


def pod(found: dict[str, Manifest]) -> dict[str, Any]:
    """The specification of its pods."""
    spec: dict[str, Any] = found["Deployment"]["spec"]["template"]["spec"]
    return spec


def environment(found: dict[str, Manifest]) -> dict[str, Any]:
    """What its container's environment has, by name; no name stands there twice."""
    variables = pod(found)["containers"][0]["env"]
    values = {one["name"]: one.get("value", one.get("valueFrom")) for one in variables}
    assert len(values) == len(variables)
    return values


def test_files_of_the_chart_are_those_of_the_code() -> None:
    """Schema, rules, board and version are written from their one source: `make schemas` writes them anew."""
    stale = [str(path) for path, text in chart.files().items() if not path.exists() or path.read_text() != text]
    assert stale == []


def test_every_setting_has_one_place_in_the_values() -> None:
    """Each setting of the service can be given in exactly one way, or by a secret in place of it."""
    places = chart.places()
    names = {name.upper() for name in Settings.model_fields}
    assert sorted(name for place in places.values() for name in place) == sorted(names)
    assert (CHART / "templates" / "deployment.yaml").read_text().count("HTTP_PORT") == 1
    given = re.findall(r'^ +"([A-Z_]+)" ', (CHART / "templates" / "deployment.yaml").read_text(), re.MULTILINE)
    assert {*given, *chart.OWN} == places["own"]


def test_default_grace_is_the_services_own() -> None:
    """The only default that the chart repeats, because the pod's grace is made of it."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["shutdownGraceSec"] == Settings.model_fields["shutdown_grace_sec"].default
    assert {name for name in chart.TYPED if values[name] is not None} == {"shutdownGraceSec"}


def test_chart_satisfies_the_linter(answers: tuple[Any, Rendered, dict[str, str]]) -> None:
    """Helm's linter has no error and no warning."""
    report = answers[0]
    assert report["total_charts_linted"] == 1
    assert [message for message in report["messages"] or [] if message["severity"] > 1] == []


@pytest.mark.parametrize("name", [*SETS, *EXTRAS])
def test_api_server_takes_what_is_rendered(objects: dict[str, dict[str, Manifest]], name: str) -> None:
    """Strictly: every name is one that the newest Kubernetes, KEDA and the Prometheus operator know."""
    found = objects[name]
    assert {kind: fault(one) for kind, one in found.items() if fault(one)} == {}
    assert {one["metadata"].get("namespace") for one in found.values()} == {NAMESPACE}


def test_oldest_api_server_takes_what_is_rendered(objects: dict[str, dict[str, Manifest]]) -> None:
    """The oldest Kubernetes that the chart asks for knows every name as well."""
    assert f'kubeVersion: ">={OLDEST}.0-0"' in (CHART / "Chart.yaml").read_text()
    for name in ("production", "hpa"):
        assert {kind: fault(one, OLDEST) for kind, one in objects[name].items() if fault(one, OLDEST)} == {}


def test_sets_of_values_have_the_kinds_that_they_ask_for(objects: dict[str, dict[str, Manifest]]) -> None:
    """Nothing is rendered that nobody asked for."""
    always = {"Deployment", "Service", "PodDisruptionBudget"}
    assert {name: set(objects[name]) - always for name in SETS} == {
        "minimal": set(),
        "production": {"ServiceMonitor", "PrometheusRule", "ConfigMap"},
        "keda-prometheus": {"ServiceMonitor", "PrometheusRule", "ScaledObject"},
        "keda-lag": {"ScaledObject", "TriggerAuthentication", "NetworkPolicy"},
        "hpa": {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy"},
        "cluster": set(),
    }
    assert all(always <= set(objects[name]) for name in SETS)


def typos(manifest: Manifest) -> Iterator[Manifest]:
    """*manifest* with a name misspelt: at its top, and at the top of its specification."""
    wrong = deepcopy(manifest)
    body = "spec" if "spec" in wrong else "data"
    wrong[f"{body}x"] = wrong.pop(body)
    yield wrong
    if body == "spec":
        wrong = deepcopy(manifest)
        name = next(iter(wrong["spec"]))
        wrong["spec"][f"{name}x"] = wrong["spec"].pop(name)
        yield wrong


def test_typo_in_each_kind_is_found(objects: dict[str, dict[str, Manifest]]) -> None:
    """The checks can fail: a misspelt name is refused in every kind that the chart has."""
    kinds = {kind: one for name in SETS for kind, one in objects[name].items()}
    assert len(kinds) == 11
    for kind, one in kinds.items():
        wrongs = list(typos(one))
        assert [fault(wrong) for wrong in wrongs].count("") == 0, kind


@pytest.mark.parametrize(
    ("name", "kind", "path", "typo"),
    [
        ("minimal", "Deployment", ("template", "spec", "containers", 0), "readynessProbe"),
        ("minimal", "Deployment", ("template", "spec", "topologySpreadConstraints", 0), "topologykey"),
        ("hpa", "NetworkPolicy", ("egress", 1, "ports", 0), "prot"),
        ("hpa", "Ingress", ("rules", 0, "http", "paths", 0), "pathtype"),
        ("hpa", "HorizontalPodAutoscaler", ("metrics", 0, "resource", "target"), "averageUtilisation"),
        ("production", "ServiceMonitor", ("endpoints", 0, "relabelings", 0), "target"),
        ("production", "PrometheusRule", ("groups", 1, "rules", 0), "alerts"),
        ("keda-lag", "ScaledObject", ("fallback",), "behaviour"),
        ("keda-lag", "ScaledObject", ("triggers", 0), "metrictype"),
        ("keda-lag", "TriggerAuthentication", ("secretTargetRef", 0), "secret"),
    ],
)
def test_typo_in_the_depth_is_found(
    objects: dict[str, dict[str, Manifest]], name: str, kind: str, path: tuple[Any, ...], typo: str
) -> None:
    """A name that the kind does not know is found wherever it stands."""
    wrong = deepcopy(objects[name][kind])
    place = wrong["spec"]
    for step in path:
        place = place[step]
    assert fault(wrong) == ""
    place[typo] = "x"
    assert typo in fault(wrong)


@pytest.mark.parametrize("name", REFUSALS)
def test_values_that_cannot_be_meant_are_refused(answers: tuple[Any, Rendered, dict[str, str]], name: str) -> None:
    """Helm refuses them before anything is installed, and names what is wrong."""
    assert re.search(REFUSALS[name][1], answers[2][name])


def holes(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where values stand among fixed names: every such place of the schema."""
    if "properties" in schema:
        yield path
        for name, inner in schema["properties"].items():
            yield from holes(inner, (*path, name))


def test_every_object_of_the_values_refuses_a_name_that_it_does_not_know() -> None:
    """Wherever the values have fixed names, another one is refused."""
    schema = chart.schema()
    validator = jsonschema.Draft202012Validator(schema)
    places = list(holes(schema))
    assert len(places) > 30
    for path in places:
        values: dict[str, Any] = {}
        place = values
        for step in path:
            place = place.setdefault(step, {})
        place["typo"] = 1
        assert any(
            "'typo' was unexpected" in error.message or "'typo' does not match" in error.message
            for error in validator.iter_errors(values)
        ), path


def test_archive_reaches_the_pod_with_its_keys_and_its_folder(objects: dict[str, dict[str, Manifest]]) -> None:
    """The address in the open, keys by secrets, files mounted beside those of the service; a folder by its claim."""
    pods = {name: objects[name]["Deployment"]["spec"]["template"]["spec"] for name in ("a bucket", "a folder")}
    env = {one["name"]: one for one in pods["a bucket"]["containers"][0]["env"]}
    assert (env["ARCHIVE_URL"]["value"], env["AWS_REGION"]["value"]) == ("s3://bucket/folder", "eu-central-1")
    assert env["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": "id"}
    assert env["AWS_SHARED_CREDENTIALS_FILE"]["value"] == "/etc/orchestrator/secrets/AWS_SHARED_CREDENTIALS_FILE"
    (files,) = [volume["projected"] for volume in pods["a bucket"]["volumes"] if volume["name"] == "secrets"]
    assert files["sources"][0]["secret"]["items"] == [{"key": "file", "path": "AWS_SHARED_CREDENTIALS_FILE"}]
    (claim,) = [volume for volume in pods["a folder"]["volumes"] if volume["name"] == "archive"]
    assert claim["persistentVolumeClaim"] == {"claimName": "kept"}
    mounts = {one["name"]: one["mountPath"] for one in pods["a folder"]["containers"][0]["volumeMounts"]}
    assert mounts["archive"] == "/archive"


def test_pod_has_the_least_rights_and_a_name(objects: dict[str, dict[str, Manifest]]) -> None:
    """Not root, nothing writable but /tmp, no token, no capability; it is known by the pod's name."""
    found = pod(objects["minimal"])
    assert found["automountServiceAccountToken"] is False
    assert found["enableServiceLinks"] is False
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["runAsUser"] == 10001
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert found["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [list(volume) for volume in found["volumes"]] == [["name", "emptyDir"]]
    assert environment(objects["minimal"])["ORCHESTRATOR_ID"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_probes_ask_what_they_are_for(objects: dict[str, dict[str, Manifest]]) -> None:
    """Whether it lives at start and later, whether it serves; the pod's grace is 10 s above the service's."""
    container = pod(objects["minimal"])["containers"][0]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert pod(objects["minimal"])["terminationGracePeriodSeconds"] == 20
    assert pod(objects["production"])["terminationGracePeriodSeconds"] == 30
    assert pod(objects["grace"])["terminationGracePeriodSeconds"] == 11


def test_replicas_are_left_to_the_scaler(objects: dict[str, dict[str, Manifest]]) -> None:
    """A Deployment that says a number would undo every scaling at the next upgrade."""
    said = {name: objects[name]["Deployment"]["spec"].get("replicas") for name in SETS}
    assert said == {
        "minimal": 2, "production": 3, "keda-prometheus": None, "keda-lag": None, "hpa": None, "cluster": 4,
    }  # fmt: skip


def test_environment_is_what_the_service_reads(
    objects: dict[str, dict[str, Manifest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every set's environment makes Settings, with the values that were given; files are there in the pod alone."""
    monkeypatch.setattr("orchestrator.settings.addresses._check_certificates", lambda _: None)
    for name in (*SETS, *EXTRAS):
        texts = {key: value for key, value in environment(objects[name]).items() if isinstance(value, str)}
        known = {key.lower(): value for key, value in texts.items() if not key.startswith(("OTEL_", "AWS_"))}
        settings = Settings(**{key: value for key, value in known.items() if not key.endswith("_file")})  # type: ignore[arg-type]
        assert (settings.http_port, settings.prometheus_port, settings.http_host) == (9000, 9001, "0.0.0.0")  # noqa: S104
        assert set(known) <= set(Settings.model_fields)
        if "sentinel" in settings.server_url:
            assert parse_address(settings.server_url).service == "mymaster"
    assert "REDIS_URL" not in environment(objects["sentinels alone"])
    numbers = environment(objects["numbers"])
    told = ("MAX_CHUNK_BYTES", "REDIS_TIMEOUT_SEC", "SETTINGS_ADOPT")
    assert tuple(numbers[name] for name in told) == ("8388608", "0.05", "true")


def test_secrets_come_by_file(objects: dict[str, dict[str, Manifest]]) -> None:
    """Settings that name a file get their secret's path; folders are mounted whole, so that changes arrive."""
    found = pod(objects["production"])
    variables = environment(objects["production"])
    volumes = {volume["name"]: volume for volume in found["volumes"]}
    mounts = {mount["name"]: mount for mount in found["containers"][0]["volumeMounts"]}
    paths = {
        f"{mounts[name]['mountPath']}/{item['path']}"
        for name in ("secrets", "redis-tls")
        for source in volumes[name]["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    files = {value for name, value in variables.items() if name.endswith("_FILE")}
    assert len(files) == 5
    assert paths - files == {f"/etc/orchestrator/redis-tls/{name}" for name in ("ca.crt", "tls.crt", "tls.key")}
    assert files <= paths
    assert all("subPath" not in mount for mount in mounts.values())
    assert variables["REDIS_URL"].endswith(
        "/mymaster?ssl_ca_certs=/etc/orchestrator/redis-tls/ca.crt"
        "&ssl_certfile=/etc/orchestrator/redis-tls/tls.crt&ssl_keyfile=/etc/orchestrator/redis-tls/tls.key"
    )
    beside = environment(objects["tls beside parameters"])["REDIS_URL"]
    assert beside.endswith("?ssl_cert_reqs=required&ssl_ca_certs=/etc/orchestrator/redis-tls/ca.crt")
    assert environment(objects["cluster"])["REDIS_URL"] == {
        "secretKeyRef": {"name": "orchestrator", "key": "redis-url"}
    }


def test_keda_asks_prometheus_for_the_global_backlog(objects: dict[str, dict[str, Manifest]]) -> None:
    """The greatest and never the sum, without paused brands; no answer is no zero."""
    spec = objects["keda-prometheus"]["ScaledObject"]["spec"]
    (trigger,) = spec["triggers"]
    labels = f'{{namespace="{NAMESPACE}",service="{NAME}"}}'
    assert trigger["metadata"]["query"] == (
        f"max(orchestrator_backlog_chunks{labels})"
        f" - (max(orchestrator_backlog_paused_chunks{labels}) or vector(0)) >= 0"
    )
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert (trigger["metricType"], trigger["metadata"]["threshold"]) == ("AverageValue", "20000")
    assert spec["scaleTargetRef"] == {"name": NAME}


def test_keda_asks_the_service_by_a_name_that_it_answers_to(objects: dict[str, dict[str, Manifest]]) -> None:
    """The URL's host is among HTTP_ALLOWED_HOSTS, its token is there, and the number is one of /v1/lag."""
    found = objects["keda-lag"]
    (trigger,) = found["ScaledObject"]["spec"]["triggers"]
    host = f"{NAME}.{NAMESPACE}.svc"
    assert trigger["metadata"]["url"] == f"http://{host}:9000/v1/lag"
    assert host in environment(found)["HTTP_ALLOWED_HOSTS"].split(",")
    assert trigger["metadata"]["authMode"] == "bearer"
    assert trigger["authenticationRef"]["name"] == found["TriggerAuthentication"]["metadata"]["name"]
    assert found["TriggerAuthentication"]["spec"]["secretTargetRef"][0]["parameter"] == "token"
    openapi = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert trigger["metadata"]["valueLocation"] in json.dumps(openapi["paths"]["/v1/lag"]) + json.dumps(
        openapi["components"]
    )


@pytest.mark.parametrize("name", ["keda-prometheus", "keda-lag"])
def test_keda_keeps_what_runs_while_nobody_counts(objects: dict[str, dict[str, Manifest]], name: str) -> None:
    """Redis away means no count and no ready pod: not one replica fewer, and never none."""
    spec = objects[name]["ScaledObject"]["spec"]
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert spec["minReplicaCount"] >= 1
    assert all(trigger["metricType"] == "AverageValue" for trigger in spec["triggers"])


def test_rules_are_those_of_deploy(objects: dict[str, dict[str, Manifest]]) -> None:
    """The PrometheusRule's groups are alerts.yml, word for word but for the place of the runbooks."""
    plain = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())
    assert objects["keda-prometheus"]["PrometheusRule"]["spec"] == plain
    linked = json.dumps(objects["production"]["PrometheusRule"]["spec"])
    base = "https://docs.example.com/orchestrator/"
    assert linked.count(f'"runbook_url": "{base}runbooks/') == json.dumps(plain).count('"runbook_url"') > 20
    board = objects["production"]["ConfigMap"]["data"]["orchestrator.json"]
    assert json.loads(board) == json.loads((ROOT / "deploy" / "grafana-board.json").read_text())


def test_monitor_gives_the_names_that_rules_and_scaler_ask_by(objects: dict[str, dict[str, Manifest]]) -> None:
    """The rules say job="orchestrator"; the monitor selects the Service, and its port has the name that it scrapes."""
    found = objects["production"]
    (endpoint,) = found["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "orchestrator"}]
    assert 'job="orchestrator"' in (ROOT / "deploy" / "alerts.yml").read_text()
    assert endpoint["port"] in {port["name"] for port in found["Service"]["spec"]["ports"]}
    selected = found["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
    assert selected <= found["Service"]["metadata"]["labels"].items()
    selector = found["Service"]["spec"]["selector"].items()
    assert selector <= found["Deployment"]["spec"]["template"]["metadata"]["labels"].items()


def test_network_lets_in_and_out_what_is_named(objects: dict[str, dict[str, Manifest]]) -> None:
    """Probes and readers at one port, Prometheus at the other, DNS and Redis outwards."""
    spec = objects["hpa"]["NetworkPolicy"]["spec"]
    assert [rule["ports"][0]["port"] for rule in spec["ingress"]] == ["http", "metrics"]
    assert all(rule["from"] for rule in spec["ingress"])
    assert [rule["ports"][0]["port"] for rule in spec["egress"]] == [53, 6379, 443]
    open_to_all = objects["keda-lag"]["NetworkPolicy"]["spec"]
    assert open_to_all["policyTypes"] == ["Ingress"]
    assert "from" not in open_to_all["ingress"][1]


def test_notes_lead_to_the_service(answers: tuple[Any, Rendered, dict[str, str]]) -> None:
    """What is printed after an installation names the Deployment, and warns of pages that everybody may read."""
    notes = {name: files["orchestrator/templates/NOTES.txt"] for name, files in answers[1].items()}
    assert f"deployment/{NAME}" in notes["minimal"]
    assert "https://orchestrator.example.com/" in notes["hpa"]
    assert "KEDA scales from 2 to 12" in notes["keda-prometheus"]
    assert "WARNING" not in notes["hpa"]


def test_valkey_example_keeps_what_it_is_given() -> None:
    """The manifests beside the chart are valid, and their server logs every write and evicts nothing."""
    service, stateful = manifests((EXAMPLES / "valkey.yaml").read_text())
    assert (fault(service, NEWEST), fault(stateful, NEWEST)) == ("", "")
    command = stateful["spec"]["template"]["spec"]["containers"][0]["args"][0]
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert command.startswith("exec ")  # else the shell gets the signal, and the server is killed


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")
def test_prometheus_takes_rules_and_query(objects: dict[str, dict[str, Manifest]], tmp_path: Path) -> None:
    """Prometheus's own tool takes the rules; the scaler's query has one number of three replicas, and none of NaN."""
    (tmp_path / "rules.yml").write_text(json.dumps(objects["production"]["PrometheusRule"]["spec"]))
    query = objects["keda-prometheus"]["ScaledObject"]["spec"]["triggers"][0]["metadata"]["query"]
    labels = f'namespace="{NAMESPACE}",service="{NAME}"'
    series = [
        {"series": f'orchestrator_{what}{{{labels},instance="{one}"}}', "values": values}
        for one in "abc"
        for what, values in (("backlog_chunks", "700 NaN"), ("backlog_paused_chunks", "200 NaN"))
    ]
    tests = [
        {"expr": query, "eval_time": "0m", "exp_samples": [{"labels": "{}", "value": 500}]},
        {"expr": query, "eval_time": "1m", "exp_samples": []},
    ]
    case = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [case]}))
    for arguments in (("check", "rules", "rules.yml"), ("test", "rules", "test.yml")):
        done = subprocess.run(["promtool", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
