"""Who holds the API's threads: waiting requests, and what others get meanwhile."""

from __future__ import annotations

import json
import select
import socket
from itertools import cycle
from statistics import quantiles
from threading import Event, Thread
from time import monotonic, perf_counter

from shared.settings import Settings
from tests.ataque.blanco import PROCESOS, Blanco, Persona, abiertas
from tests.ataque.registro import Informe, ataque

POR_PROCESO: int = Settings.model_fields["esperas_por_usuario"].default
LARGA, CORTA = 1000, 160
DIRECCIONES = 40  # of the attacker: nginx lets each hold 100 connections and make 50 requests a second
QUIETO_S = 15  # half of what is waited for: who is refused hears of it before
VECES = 300  # another user's requests, before and beside


@ataque
def congelar_con_eventos(b: Blanco, largo: bool) -> Informe:
    """Mil oyentes de eventos de una cuenta"""
    return _congelar(b, largo, "GET /api/consultas/{id}/eventos HTTP/1.1\r\n")


@ataque
def congelar_con_esperas(b: Blanco, largo: bool) -> Informe:
    """Mil esperas (?esperar=30) de una cuenta"""
    return _congelar(b, largo, "GET /api/consultas/{id}?esperar=30 HTTP/1.1\r\n")


@ataque
def congelar_con_prefer(b: Blanco, largo: bool) -> Informe:
    """Cien consultas con Prefer: wait a la vez"""
    cabeceras = "Prefer: wait=30\r\nContent-Type: application/json\r\nContent-Length: {largo}\r\n"
    return _congelar(b, False, f"POST /api/consultas/tiempo-real HTTP/1.1\r\n{cabeceras}", con_cuerpo=True)


def _congelar(b: Blanco, largo: bool, cabeza: str, *, con_cuerpo: bool = False) -> Informe:
    """Held beyond the cap, and what the others were refused meanwhile, is what got through."""
    malo, otra = b.persona(), b.persona()
    with b.atascado() as pedida:
        r = malo.pedir("POST", "/api/consultas/tiempo-real", json=pedida)
        cuerpo = json.dumps(pedida) if con_cuerpo else ""
        peticion = cabeza.format(id=r.json()["consulta"]["id"], largo=len(cuerpo))
        cruda = f"{peticion}Host: x\r\nAuthorization: Bearer {malo.acceso}\r\n\r\n{cuerpo}".encode()
        antes = _tiempos(otra) if largo else []
        redes = cycle([b.red() for _ in range(DIRECCIONES)])
        n = LARGA if largo else CORTA
        with abiertas(redes, n, b.frente.puerto, cruda) as conexiones:
            cabe = PROCESOS * POR_PROCESO
            dentro = _quedan(conexiones, cabe)
            junto = _tiempos(otra, 30 if not largo else VECES)
            perdidas = sum(b.pedir("GET", "/health", b.red()).status_code != 200 for _ in range(5))
    nota = f"{dentro} esperan, de {cabe} que caben"
    if antes:
        p99 = [quantiles(t, n=100)[98] * 1000 for t in (antes, junto)]
        nota += f"; p99 de otra cuenta {p99[0]:.0f} → {p99[1]:.0f} ms (× {p99[1] / p99[0]:.2f})"
    b.vaciar()
    return Informe(n, max(0, dentro - cabe) + perdidas, nota)


def _quedan(conexiones: list[socket.socket], cabe: int) -> int:
    """How many wait: those that have no answer, or the head of a stream that goes on, once at most `cabe` do, or once
    nobody has been answered for QUIETO_S.
    """
    respondidas: dict[socket.socket, bytes] = {}
    while len(conexiones) - _terminadas(respondidas) > cabe:
        listas, _, _ = select.select([c for c in conexiones if c not in respondidas], [], [], QUIETO_S)
        if not listas:
            break
        respondidas |= {c: c.recv(400) for c in listas}
    return len(conexiones) - _terminadas(respondidas)


def _terminadas(respondidas: dict[socket.socket, bytes]) -> int:
    return sum(b"text/event-stream" not in cabeza for cabeza in respondidas.values())


def _tiempos(persona: Persona, veces: int = VECES) -> list[float]:
    """Seconds of each of these requests of another user; one that is not answered well fails."""
    tiempos = []
    for _ in range(veces):
        desde = perf_counter()
        r = persona.pedir("GET", "/api/consultas/mis-consultas?per_page=1")
        tiempos.append(perf_counter() - desde)
        assert r.status_code == 200, r.text
    return tiempos


@ataque
def oyente_degradado(b: Blanco, _largo: bool) -> Informe:
    """Seguir oyendo eventos ajenos tras perder el rol, la cuenta o la sesión"""
    duena, oyentes = b.persona(), [b.persona("consultor") for _ in range(3)]
    with b.atascado() as pedida:
        r = duena.pedir("POST", "/api/consultas/tiempo-real", json=pedida)
        consulta_id = r.json()["consulta"]["id"]
        oidos: list[list[bytes]] = [[] for _ in oyentes]
        empezados = [Event() for _ in oyentes]
        hilos = [
            Thread(target=_oir, args=(o, consulta_id, oido, ya), daemon=True)
            for o, oido, ya in zip(oyentes, oidos, empezados, strict=True)
        ]
        for hilo, ya in zip(hilos, empezados, strict=True):
            hilo.start()
            assert ya.wait(30)
        b.sql("UPDATE @@usuarios SET rol = 'operario' WHERE id = %s", oyentes[0].id)
        b.sql("UPDATE @@usuarios SET activo = 0 WHERE id = %s", oyentes[1].id)
        assert oyentes[2].pedir("POST", "/api/auth/logout").status_code == 200
        antes = [len(oido) for oido in oidos]
        r = duena.pedir("POST", f"/api/consultas/{consulta_id}/cancelar")
        assert r.status_code == 200, r.text
        for hilo in hilos:
            hilo.join(60)
    pasaron = sum(any(b"error" in linea for linea in oido[n:]) for oido, n in zip(oidos, antes, strict=True))
    return Informe(len(oyentes), pasaron, f"{sum(h.is_alive() for h in hilos)} siguen conectados")


def _oir(quien: Persona, consulta_id: int, oido: list[bytes], ya: Event) -> None:
    hasta = monotonic() + 45
    with quien.pedir("GET", f"/api/consultas/{consulta_id}/eventos", stream=True) as r:
        for linea in r.iter_lines():
            oido.append(linea)
            ya.set()
            if monotonic() > hasta:
                return
