"""The load: several clients submit distinct consultas over HTTP, and insist as a good client does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import Any, Self
from uuid import uuid4

import requests

HILOS = 8
ESPERA_RESPUESTA_S = 60.0  # a hung database is given up by the API after about 35 s
INSISTE_S = 120.0
UN_HISTORICO_CADA = 10


def cuerpos(n: int, azar: Random) -> list[tuple[str, dict[str, Any]]]:
    """n pairs (tipo, body), no two in the same cell, none answered from a shared answer.

    Those of the first user (every fourth) ask also meteosource, whose key has a quota; see Escenario.
    """
    celdas = azar.sample(range(100_000), n)
    return [_cuerpo(i, celda) for i, celda in enumerate(celdas)]


def _cuerpo(i: int, celda: int) -> tuple[str, dict[str, Any]]:
    lugar: dict[str, Any] = {"latitud": celda // 400 * 0.05, "longitud": celda % 400 * 0.05 - 80, "max_edad_s": 0}
    if i % UN_HISTORICO_CADA == 1:
        fin = datetime.now(UTC).date() - timedelta(days=3)
        dias = {"fecha_inicio": str(fin - timedelta(days=9)), "fecha_fin": str(fin)}
        return "historico", {**lugar, **dias, "proveedores": ["openmeteo"], "parametros": ["temperatura"]}
    proveedores = ["meteoblue", "meteosource"] if i % 4 == 0 else ["meteoblue"]
    if i % 3 == 0:
        proveedores.append("openmeteo")
    return "tiempo-real", {**lugar, "proveedores": proveedores, "parametros": ["temperatura", "presion"]}


@dataclass
class Tropiezo:
    """An answer that was not an acceptance. que: its status, or "corte" when there was no answer."""

    que: int | str
    desde: datetime
    hasta: datetime
    texto: str = ""


@dataclass
class Carga:
    """Submit `pedidos` evenly over `duracion_s`; users take turns. aceptadas: ids as they were answered.

    A context: its clients start with it, and give up if the block ends before `terminar`.
    """

    base: str
    cabeceras: list[dict[str, str]]
    pedidos: list[tuple[str, dict[str, Any]]]
    duracion_s: float
    aceptadas: list[int] = field(default_factory=list)
    tropiezos: list[Tropiezo] = field(default_factory=list)
    mas_lenta_s: float = 0.0
    _cerrojo: Lock = field(default_factory=Lock)
    _hilos: list[Thread] = field(default_factory=list)
    _empezo: float = 0.0
    _basta: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._empezo = monotonic()
        self._hilos = [Thread(target=self._cliente, args=(n,), daemon=True) for n in range(HILOS)]
        for hilo in self._hilos:
            hilo.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._basta.set()

    def esperar_aceptadas(self, n: int, espera_s: float = 30) -> None:
        hasta = monotonic() + espera_s
        while len(self.aceptadas) < n and monotonic() < hasta:
            sleep(0.01)

    def terminar(self) -> None:
        for hilo in self._hilos:
            hilo.join(self.duracion_s + INSISTE_S + ESPERA_RESPUESTA_S)

    def _cliente(self, n: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            for i in range(n, len(self.pedidos), HILOS):
                self._basta.wait(max(0.0, self._empezo + self.duracion_s * i / len(self.pedidos) - monotonic()))
                self._insistir(http, i)

    def _insistir(self, http: requests.Session, i: int) -> None:
        """Until accepted, always with the same Idempotency-Key; gives up at an answer that no wait will change."""
        tipo, cuerpo = self.pedidos[i]
        cabeceras = {**self.cabeceras[i % len(self.cabeceras)], "Idempotency-Key": uuid4().hex}
        limite = monotonic() + INSISTE_S
        while monotonic() < limite and not self._basta.is_set():
            tropiezo = self._una_vez(http, f"{self.base}/api/consultas/{tipo}", cuerpo, cabeceras)
            if tropiezo is None:
                return
            with self._cerrojo:
                self.tropiezos.append(tropiezo)
            if tropiezo.que not in (503, "corte"):
                return
            sleep(0.5)

    def _una_vez(
        self, http: requests.Session, url: str, cuerpo: dict[str, Any], cabeceras: dict[str, str]
    ) -> Tropiezo | None:
        desde = datetime.now(UTC)
        try:
            r = http.post(url, json=cuerpo, headers=cabeceras, timeout=ESPERA_RESPUESTA_S)
        except requests.RequestException as e:
            return Tropiezo("corte", desde, datetime.now(UTC), type(e).__name__)
        hasta = datetime.now(UTC)
        if r.status_code not in (200, 202):
            return Tropiezo(r.status_code, desde, hasta, r.text[:200])
        with self._cerrojo:
            self.aceptadas.append(r.json()["consulta"]["id"])
            self.mas_lenta_s = max(self.mas_lenta_s, (hasta - desde).total_seconds())
        return None
