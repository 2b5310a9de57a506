"""The judge: what the clients were told against what the database holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pymysql

from tests.caos.carga import Carga
from tests.caos.escenario import Escenario

PROMESA_S = 60.0  # from the end of the fault to the end of the last consulta
PACIENCIA_S = 120.0  # how long the judge waits to see how late it really was
RESACA_S = 5.0  # 503 after the fault's end: what Retry-After asks the client to wait
ACTIVOS = "('pendiente', 'procesando')"


@dataclass
class Fila:
    """One line of the table. perdidas: accepted and gone, or never ended. recuperacion_s: the slowest one."""

    fallo: str
    aceptadas: int = 0
    completadas: int = 0
    error: int = 0
    perdidas: int = 0
    duplicadas: int = 0
    recuperacion_s: float = 0.0
    duro_s: float = 0.0
    faltas: list[str] = field(default_factory=list)
    omitido: str = ""

    @property
    def bien(self) -> bool:
        return not self.faltas


@dataclass(frozen=True)
class Suceso:
    """What happened around the fault. desde_id: consultas with a greater id are the load's."""

    carga: Carga
    desde_id: int
    inicio: datetime
    fin: datetime
    permite_503: bool
    permite_cortes: bool
    permite_errores: bool


def juzgar(e: Escenario, nombre: str, s: Suceso) -> Fila:
    """Wait for the end of every consulta and count. Every broken promise is one line of `faltas`."""
    _esperar_el_final(e, s)
    fila = Fila(nombre, aceptadas=len(s.carga.aceptadas))
    _contar(e, s, fila)
    _historia(e, s, fila)
    fila.faltas += _respuestas(s) + _cuota(e, s)
    return fila


def _esperar_el_final(e: Escenario, s: Suceso) -> None:
    hasta = monotonic() + PACIENCIA_S
    while monotonic() < hasta:
        try:
            orden = f"SELECT COUNT(*) FROM @@consultas WHERE id > %s AND estado IN {ACTIVOS}"
            if e.sql(orden, s.desde_id)[0][0] == 0:
                return
        except pymysql.Error:
            pass  # a server that is still coming back
        sleep(0.2)


def _contar(e: Escenario, s: Suceso, fila: Fila) -> None:
    orden = (
        "SELECT c.id, c.estado, c.creada_en, c.completada_en, COUNT(d.id), c.codigo_error, c.intentos"
        " FROM @@consultas c LEFT JOIN @@datos_clima d ON d.consulta_id = c.id WHERE c.id > %s GROUP BY c.id"
    )
    filas = {f[0]: f for f in e.sql(orden, s.desde_id)}
    fila.completadas = sum(f[1] == "completada" for f in filas.values())
    fila.error = sum(f[1] == "error" for f in filas.values())
    colgadas = [f for f in filas.values() if f[1] not in ("completada", "error")]
    desaparecidas = [i for i in s.carga.aceptadas if i not in filas]
    fila.perdidas = len(colgadas) + len(desaparecidas)
    fila.recuperacion_s = max((_recuperacion_s(f, s.fin) for f in filas.values() if f[3]), default=0.0)
    repetidos = len(s.carga.aceptadas) - len(set(s.carga.aceptadas))
    ajenas = set(filas) - set(s.carga.aceptadas)
    sin_datos = [i for i, f in filas.items() if (f[4] != (f[1] == "completada"))]
    errores = sorted({f"{f[5]} (intentos {f[6]})" for f in filas.values() if f[1] == "error"})
    fila.faltas += _si(desaparecidas, "aceptadas que ya no existen")
    fila.faltas += _si([(f[0], f[1], f[6]) for f in colgadas], f"sin terminar {PACIENCIA_S:.0f} s después")
    fila.faltas += _si(list(range(repetidos)), "dos envíos distintos con el mismo id")
    fila.faltas += _si(sorted(ajenas), "consultas que ningún cliente vio aceptadas")
    fila.faltas += _si(sin_datos, "datos_clima que no cuadran con el estado")
    if fila.recuperacion_s > PROMESA_S:
        fila.faltas.append(f"la más lenta terminó {fila.recuperacion_s:.0f} s después del fallo")
    if not s.permite_errores:
        fila.faltas += _si(errores, "terminaron en error sin culpa de los proveedores")


def _recuperacion_s(f: tuple[Any, ...], fin: datetime) -> float:
    desde = max(f[2], fin.replace(tzinfo=None))
    return max(0.0, float((f[3] - desde).total_seconds()))


def _historia(e: Escenario, s: Suceso, fila: Fila) -> None:
    """From the witness: one end each, nothing after it, versions and turnos that only grow, nothing deleted."""
    finales = "SUM(de <> a AND a IN ('completada', 'error'))"
    orden = f"SELECT consulta_id, {finales} FROM @@caos_cambios WHERE consulta_id > %s GROUP BY 1 HAVING {finales} > 1"
    dobles = e.sql(orden, s.desde_id)
    fila.duplicadas = sum(int(n) - 1 for _, n in dobles)
    fila.faltas += _si([i for i, _ in dobles], "terminaron más de una vez")
    reglas = {
        "cambiaron después de terminar": "de IN ('completada', 'error')",
        "borradas": "a = 'borrada'",
        "versión que no cuadra": "version_a < version_de OR (de <> a AND version_a <> version_de + 1)",
        "turno que no cuadra": "turno_a <> turno_de + (de = 'pendiente' AND a = 'procesando')",
    }
    for texto, regla in reglas.items():
        orden = f"SELECT DISTINCT consulta_id FROM @@caos_cambios WHERE consulta_id > %s AND ({regla})"
        fila.faltas += _si([i for (i,) in e.sql(orden, s.desde_id)], texto)


def _respuestas(s: Suceso) -> list[str]:
    """5xx only 503, and only around the fault; no answer at all only if the API itself was hurt."""
    permitidos: set[int | str] = ({503} if s.permite_503 else set()) | ({"corte"} if s.permite_cortes else set())
    resaca = s.fin + timedelta(seconds=RESACA_S)
    malas = [
        f"{t.que} a los {(t.desde - s.inicio).total_seconds():+.1f} s {t.texto[:120]}"
        for t in s.carga.tropiezos
        if t.que not in permitidos or t.hasta < s.inicio or t.desde > resaca
    ]
    faltan = len(s.carga.pedidos) - len(s.carga.aceptadas)
    return _si(malas, "respuestas indebidas") + _si(list(range(faltan)), "envíos que nunca se aceptaron")


def _cuota(e: Escenario, s: Suceso) -> list[str]:
    """The user's key paid for no more calls than its limit, by its own count and by the provider's."""
    if datetime.now(UTC).date() != s.inicio.date():
        return []  # midnight gave a new quota
    ((gastadas,),) = e.sql("SELECT consultas_realizadas FROM @@api_keys")
    llegadas = e.peticiones("meteosource")["total"]
    faltas = []
    if gastadas > e.limite or (gastadas < e.limite and not s.permite_errores):
        faltas.append(f"la cuota de {e.limite} cuenta {gastadas}")
    if llegadas > gastadas:
        faltas.append(f"al proveedor le llegaron {llegadas} llamadas con la clave y se contaron {gastadas}")
    return faltas


def _si(casos: list[Any], texto: str) -> list[str]:
    return [f"{len(casos)} {texto}: {', '.join(map(str, casos[:4]))}"] if casos else []
