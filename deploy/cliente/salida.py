"""What the client says to a terminal; nothing else in it writes there, but the table and the bar of pantalla.py."""

from __future__ import annotations

import json
from typing import Any

import click

from shared.visible import a_la_vista


def decir(linea: str = "", *, err: bool = True) -> None:
    """One line. What a server sent in it cannot move the cursor, nor look like another line."""
    click.echo(a_la_vista(linea), err=err)


def dar(cuerpo: dict[str, Any]) -> None:
    """As JSON in one line of stdout, where what is written out reads as the same text."""
    decir(json.dumps(cuerpo, ensure_ascii=False), err=False)
