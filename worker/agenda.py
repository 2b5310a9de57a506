"""What beat does, and how often. Every job claims its work in the database: two beats at once do no harm."""

from __future__ import annotations

from typing import Any

from shared.cola import MANTENIMIENTO


def _cada(segundos: float, tarea: str) -> dict[str, Any]:
    """A tick nobody took within its period is worthless: it expires instead of piling up."""
    return {"task": tarea, "schedule": segundos, "options": {"queue": MANTENIMIENTO, "expires": max(segundos, 5)}}


AGENDA = {
    "tocar": _cada(2, "tocar"),
    "rescatar": _cada(5, "rescatar"),
    "programar": _cada(5, "programar"),
    "avisar": _cada(10, "avisar"),
    "resumir": _cada(300, "resumir"),
}
