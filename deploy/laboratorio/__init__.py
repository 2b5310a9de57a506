"""The laboratory: six constructed weather providers, for demonstrations, tests and benches."""

from deploy.laboratorio.app import crear_app
from deploy.laboratorio.cli import comando

__all__ = ["comando", "crear_app"]
