"""What an API server would say to a manifest: the schemas of Kubernetes, of KEDA and of the Prometheus operator."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

CRDS: Final = Path(__file__).parent.parent / "data" / "crds"
NEWEST: Final = "1.37"
OLDEST: Final = "1.27"
"""The first that has all that the chart uses: kubeVersion in Chart.yaml."""

Manifest = dict[str, Any]


def manifests(text: str) -> list[Manifest]:
    """The objects of a file of YAML."""
    return [found for found in yaml.safe_load_all(text) if found]


def fault(manifest: Manifest, version: str = NEWEST) -> str:
    """What is wrong with it, or nothing; a name that the server does not know is wrong."""
    try:
        if _foreign(manifest["kind"]):
            _validator(manifest["kind"]).validate(manifest)
        else:
            kubernetes_validate.validate(manifest, version, strict=True)
    except jsonschema.ValidationError as error:
        return str(error.message)
    return ""


def _foreign(kind: str) -> bool:
    return (CRDS / f"{kind}.json").exists()


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((CRDS / f"{kind}.json").read_text()))
