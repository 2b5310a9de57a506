"""Memory that is not used goes back to the system."""

from __future__ import annotations

import ctypes

TROZO = 128 * 1024  # bytes; an answer of a provider is larger
AJUSTES = {-8: 2, -3: TROZO, -1: TROZO}  # malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD


def contener() -> None:
    """Have glibc keep two heaps instead of eight per core, and give large blocks back as they are freed.

    With dozens of threads that each hold an answer for a moment, its defaults keep most of what was ever held. Where
    there is no glibc there is nothing to do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for ajuste, valor in AJUSTES.items():
            mallopt(ajuste, valor)
