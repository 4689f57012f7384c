"""``orchestrator schema``: the JSON Schemas of what goes in and what comes out, and the AsyncAPI document."""

from __future__ import annotations

import click

from orchestrator.contract.asyncapi import asyncapi_json
from orchestrator.contract.schema import SCHEMAS, schema_json

ASYNCAPI = "asyncapi"


@click.command(short_help="Print a JSON Schema.")
@click.argument("document", type=click.Choice([*SCHEMAS, ASYNCAPI]))
def schema(document: str) -> None:
    """Print the JSON Schema of a chunk, a summary, or another document.

    asyncapi is the AsyncAPI document of all of them: queues, dead letters and the channel of updates.
    """
    click.echo(asyncapi_json() if document == ASYNCAPI else schema_json(document), nl=False)
