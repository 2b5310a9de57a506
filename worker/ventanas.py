"""When a historico waits for the next window of a call budget, and which of its days are told already."""

from __future__ import annotations

from datetime import date

from shared import consultas, respuestas
from shared.clima import Encargo
from shared.costos import VENTANA_DIAS
from shared.db import Sesiones
from shared.modelos import CodigoError
from worker.obra import Obra
from worker.resultado import Aplazada
from worker.suplentes import dichos
from worker.tramos import dias

ESPERA_MINIMA_S = 5.0  # for a budget that is spent and does not say until when
# For a window that ends within this, any consulta waits; for a later one, only where nobody else has told the days.
ESPERA_ENTERA_S = 3660.0


def por_esperar(sesiones: Sesiones, encargo: Encargo, obra: Obra) -> Aplazada | None:
    """Until when it is put off. None: it waits for no budget, or for longer than it can or is worth."""
    esperan = obra.esperan()
    espera_s = min((c.espera_s or ESPERA_MINIMA_S for c in esperan.values()), default=0.0)
    if not esperan or encargo.edad_s + espera_s > consultas.PACIENCIA_VENTANA_S:
        return None
    if espera_s > ESPERA_ENTERA_S and all(_lo_dicen_otros(sesiones, encargo, p, obra) for p in esperan):
        return None
    quienes = " ".join(f"{c.fuente.proveedor}: {c.fuente.motivo}." for c in esperan.values())
    return Aplazada(CodigoError.CUOTA_AGOTADA, f"Se agotaron las llamadas. {quienes}", ventana_s=espera_s)


def cubiertos(
    sesiones: Sesiones, encargo: Encargo, campos: frozenset[str], *, alguno: bool = False, salvo: str = ""
) -> set[date]:
    """The days of which what is stored tells all of these fields, or one of them at least; salvo: but for whom."""
    hay: set[date] = set()
    periodo = encargo.pedido.periodo
    assert periodo is not None
    for ventana in periodo.tramos(VENTANA_DIAS[periodo.resolucion]):
        with sesiones.transaccion() as s:
            partes = respuestas.partes(s, encargo.id, ventana)
        hay |= dichos([p for p in partes if p[0]["proveedor"] != salvo], campos, alguno=alguno)
    return hay


def _lo_dicen_otros(sesiones: Sesiones, encargo: Encargo, nombre: str, obra: Obra) -> bool:
    """Has somebody else told something of every day, or the very fields, that this one still owes?"""
    for completa in (False, True):
        tareas = [t for t in obra.tareas[nombre] if t.completa == completa]
        faltan = {dia for t in tareas for dia in dias(t.tramo)}
        campos = frozenset(campo for t in tareas for campo in t.campos)
        if not faltan <= cubiertos(sesiones, encargo, campos, alguno=not completa, salvo=nombre):
            return False
    return True
