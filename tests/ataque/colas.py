"""The queue and the providers' calls: who takes more of them than their share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

from shared.presupuestos import PRESUPUESTOS
from shared.settings import Settings
from tests.ataque.blanco import Blanco, Persona
from tests.ataque.registro import Informe, ataque
from tests.servidores import esperar

MAX_ACTIVAS: int = Settings.model_fields["max_activas"].default
EJECUCIONES: int = Settings.model_fields["ejecuciones_por_dia"].default
PARTE: float = Settings.model_fields["parte_por_usuario"].default
POR_DIA = int(PRESUPUESTOS["meteosource"].ventanas.partition("/")[0])
A_LA_VEZ = 50
CRONES = ["* * * * *", "*/1 * * * *", "*/14 * * * *", "0,1 * * * *", "59,0 * * * *", "0-59 * * * *", "5,10 3 * * *"]


@ataque
def lotes_paralelos(b: Blanco, largo: bool) -> Informe:
    """Cincuenta lotes a la vez para pasar de MAX_ACTIVAS"""
    malo, otra = b.persona(), b.persona()
    tamano = 100 if largo else 30
    una: dict[str, Any] = {"tipo": "tiempo_real"}
    mayor, fin = [0], Event()
    orden = "SELECT COUNT(*) FROM @@consultas WHERE usuario_id = %s AND estado IN ('pendiente', 'procesando')"

    def mirar() -> None:
        while not fin.wait(0.05):
            mayor[0] = max(mayor[0], b.sql(orden, malo.id)[0][0])

    def uno(_: int) -> int:
        return malo.pedir("POST", "/api/consultas/lote", b.red(), json={"consultas": [una] * tamano}).status_code

    with b.atascado() as pedida:
        una.update(pedida)
        vigia = Thread(target=mirar)
        vigia.start()
        with ThreadPoolExecutor(A_LA_VEZ) as hilos:
            estados = list(hilos.map(uno, range(A_LA_VEZ)))
        vuelven = _reintentar(b, malo, orden, una)
        fin.set()
        vigia.join()
        suya = otra.pedir("POST", "/api/consultas/tiempo-real", json={"ciudad": "Cali"}).status_code
    entraron = sum(e in (201, 202) for e in estados)
    pasaron = max(0, mayor[0] - MAX_ACTIVAS) + (suya != 202)
    b.vaciar()
    return Informe(
        A_LA_VEZ + len(vuelven),
        pasaron,
        f"entraron {entraron} lotes de {tamano}; activas {mayor[0]} de {MAX_ACTIVAS}; la consulta de otra, {suya}",
    )


def _reintentar(b: Blanco, malo: Persona, orden: str, una: dict[str, Any]) -> list[int]:
    """Put back what was cancelled, when there is no room: each is refused."""
    ids = [f[0] for f in b.sql("SELECT id FROM @@consultas WHERE usuario_id = %s ORDER BY id DESC LIMIT 20", malo.id)]
    for consulta_id in ids:
        malo.pedir("POST", f"/api/consultas/{consulta_id}/cancelar")
    while b.sql(orden, malo.id)[0][0] < MAX_ACTIVAS:
        r = malo.pedir("POST", "/api/consultas/lote", b.red(), json={"consultas": [una] * 10})
        if r.status_code == 429:
            break
    with ThreadPoolExecutor(20) as hilos:
        return list(hilos.map(lambda n: malo.pedir("POST", f"/api/consultas/{n}/reintentar", b.red()).status_code, ids))


@ataque
def presupuesto_de_todos(b: Blanco, largo: bool) -> Informe:
    """Un lote que gasta las llamadas de Meteosource de todos"""
    malo, otra = b.persona(), b.persona()
    cuantas, tope = 450 if largo else 210, int(POR_DIA * PARTE)
    pedida = {"tipo": "tiempo_real", "parametros": ["temperatura"], "proveedores": ["meteosource"], "longitud": -74.5}
    lote = [{**pedida, "latitud": round(2 + n / 100, 2)} for n in range(cuantas)]
    r = malo.pedir("POST", "/api/consultas/lote", json={"consultas": lote})
    assert r.status_code in (201, 202), r.text
    sin_tocar = "SELECT COUNT(*) FROM @@consultas WHERE usuario_id = %s AND version <= 2"
    with b.cliente_redis() as redis:

        def gastadas() -> int:
            claves = [*redis.scan_iter("*cg:gasto:meteosource:*")]
            return int(str(redis.hget(claves[0], str(malo.id)) or b"0", "ascii")) if claves else 0

        esperar(lambda: b.sql(sin_tocar, malo.id)[0][0] == 0, "the whole lote having been asked for", 240)
        cuerpo = {"ciudad": "Cali", "parametros": ["temperatura"], "proveedores": ["meteosource"]}
        r = otra.pedir("POST", "/api/consultas/tiempo-real", json=cuerpo, headers={"Prefer": "wait=30"})
        suyas = gastadas()
    estado = r.json()["consulta"]["estado"]
    b.vaciar()
    pasaron = max(0, suyas - tope) + (estado != "completada")
    return Informe(cuantas, pasaron, f"gastó {suyas} de {POR_DIA}; la consulta de otra, {estado}")


@ataque
def programaciones_sin_descanso(b: Blanco, _largo: bool) -> Informe:
    """Programaciones cada minuto, escritas de varias formas"""
    malo = b.persona()
    cuerpo = {"nombre": "x", "tipo": "tiempo_real", "lugares": [{"ciudad": "Cali"}], "zona_horaria": "America/Bogota"}
    estados = [malo.pedir("POST", "/api/programaciones", json={**cuerpo, "cron": c}).status_code for c in CRONES]
    return Informe(len(CRONES), sum(e != 422 for e in estados), f"respuestas {sorted(set(estados))}")
