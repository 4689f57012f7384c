"""``orchestrator schema``: the JSON Schemas of what goes in and what comes out."""

from __future__ import annotations

import click

from orchestrator.contract.schema import SCHEMAS, schema_json


@click.command(short_help="Print a JSON Schema.")
@click.argument("document", type=click.Choice(list(SCHEMAS)))
def schema(document: str) -> None:
    """Print the JSON Schema of a chunk, a summary, or another document."""
    click.echo(schema_json(document), nl=False)
