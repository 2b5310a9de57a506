"""How a consulta can end without an answer."""

from __future__ import annotations

from collections.abc import Sequence

from shared import consultas
from shared.catalogo import titulo
from shared.clima import Encargo, EstadoFuente, Fuente
from shared.modelos import CodigoError
from worker.obra import Ausencia
from worker.preguntar import Contestacion
from worker.proveedores.http import Causa
from worker.tramos import dias

PRONTO = (Causa.FALLO, Causa.TARDE, Causa.CIRCUITO)  # what another attempt, in seconds, may well bring


class Abandonada(Exception):
    """The consulta was cancelled, or its lease lost to another worker: stop, write nothing."""


class Aplazada(Exception):
    """Nobody could be asked: they rest, or our budget is spent. Later, without spending an attempt.

    codigo, mensaje: how it ends if it has waited too long. ventana_s: when the budget that it waits for has room.
    """

    def __init__(self, codigo: CodigoError, mensaje: str, ventana_s: float | None = None) -> None:
        super().__init__(mensaje)
        self.codigo = codigo
        self.mensaje = mensaje
        self.ventana_s = ventana_s


class Fracaso(Exception):
    """No answer. mensaje: Spanish, for the user. definitivo: trying again cannot help. fallidas: who failed."""

    def __init__(
        self, codigo: CodigoError, mensaje: str, *, definitivo: bool = False, fallidas: Sequence[str] = ()
    ) -> None:
        super().__init__(mensaje)
        self.codigo = codigo
        self.mensaje = mensaje
        self.definitivo = definitivo
        self.fallidas = fallidas


def fracaso(contestaciones: list[Contestacion]) -> Fracaso | Aplazada:
    """Why nothing is usable: those who could help failed (worth another try), not yet, or nobody ever will (final)."""
    fuentes = sorted((c.fuente for c in contestaciones), key=lambda f: f.proveedor)
    frases = " ".join(f"{titulo(f.proveedor)}: {f.motivo}." for f in fuentes)
    fallidas = [f.proveedor for f in fuentes if f.estado == EstadoFuente.FALLIDA]
    pasajeras = [c for c in contestaciones if c.pasajera]
    causas = {c.causa for c in pasajeras if c.fuente.estado == EstadoFuente.OMITIDA}
    fallaron = f"Los proveedores fallaron. {frases}"
    if fallos := {c.causa for c in pasajeras if c.fuente.estado == EstadoFuente.FALLIDA}:
        if fallos == {Causa.TARDE}:
            tarde = f"Ningún proveedor respondió a tiempo. {frases}"
            return Fracaso(CodigoError.TIEMPO_AGOTADO, tarde, fallidas=fallidas)
        return Fracaso(CodigoError.PROVEEDORES_FALLARON, fallaron, fallidas=fallidas)
    if Causa.CIRCUITO in causas:
        return Aplazada(CodigoError.PROVEEDORES_FALLARON, fallaron)
    if Causa.PRESUPUESTO in causas:
        return Aplazada(CodigoError.CUOTA_AGOTADA, f"Se agotaron las llamadas. {frases}")
    if Causa.CUOTA in causas:
        codigo = CodigoError.CUOTA_AGOTADA
    else:
        codigo = CodigoError.PROVEEDORES_FALLARON if fallidas else CodigoError.SIN_PROVEEDORES
    texto = fallaron if fallidas else f"Ningún proveedor pudo ayudar. {frases}".strip()
    return Fracaso(codigo, texto, definitivo=True, fallidas=fallidas)


def exigir(encargo: Encargo, con_datos: set[str], ausentes: list[Ausencia], fuentes: list[Fuente]) -> None:
    """Of a historico: raise Fracaso or Aplazada if a piece may still come, before long, of which nobody reported a day;
    or if nobody reported anything. Where others did report, the answer is one in part; what was one before stays so.
    """
    nadie = {
        a.contestacion.fuente.proveedor: a.contestacion
        for a in ausentes
        if a.contestacion.pasajera and not any(str(dia) in con_datos for dia in dias(a.tramo))
    }
    if nadie and not con_datos:
        raise fracaso(list(nadie.values()))
    if not con_datos:
        e = fracaso([Contestacion(f) for f in fuentes])
        fallidas = [f.proveedor for f in fuentes if f.estado == EstadoFuente.FALLIDA]
        raise Fracaso(e.codigo, e.mensaje, definitivo=True, fallidas=fallidas)
    pronto = [c for c in nadie.values() if c.causa in PRONTO]
    ultimo = encargo.intentos >= consultas.MAX_INTENTOS[encargo.pedido.tipo]
    if pronto and not (encargo.parcial and (ultimo or isinstance(fracaso(pronto), Aplazada))):
        raise fracaso(pronto)
