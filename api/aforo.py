"""How many may wait at once in this process: each holds one of its threads, and short requests must never want for one.

Waiting are `eventos`, `esperar` and `Prefer: wait`.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock


class Aforo:
    def __init__(self, por_usuario: int, por_proceso: int) -> None:
        self._por_usuario = por_usuario
        self._por_proceso = por_proceso
        self._cerrojo = Lock()
        self._esperan: Counter[int] = Counter()

    def entrar(self, usuario_id: int) -> bool:
        """Take a place, to be given back with `salir`. False: this user has all of theirs, or the process is full."""
        with self._cerrojo:
            if self._esperan[usuario_id] >= self._por_usuario or self._esperan.total() >= self._por_proceso:
                return False
            self._esperan[usuario_id] += 1
            return True

    def salir(self, usuario_id: int) -> None:
        with self._cerrojo:
            self._esperan[usuario_id] -= 1
            if not self._esperan[usuario_id]:
                del self._esperan[usuario_id]
