"""What beat does, and how often: every job of the system. Each claims its work in the database: two do no harm."""

from __future__ import annotations

from typing import Any

from shared.cola import MANTENIMIENTO


def _cada(segundos: float, tarea: str) -> dict[str, Any]:
    """A tick nobody took within its period is worthless: it expires instead of piling up."""
    return {"task": tarea, "schedule": segundos, "options": {"queue": MANTENIMIENTO, "expires": max(segundos, 5)}}


# Quotas of api keys need no job: dia_cuota says which UTC day a key's count is of, and the first use of another day
# begins at zero (shared/api_keys.py).
AGENDA = {
    "tocar": _cada(2, "tocar"),
    "rescatar": _cada(5, "rescatar"),
    "programar": _cada(5, "programar"),
    "avisar": _cada(10, "avisar"),
    "resumir": _cada(300, "resumir"),
    "limpiar": _cada(600, "limpiar"),
}
