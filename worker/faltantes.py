"""What an answer lacks of what was asked for, and why: pure functions over what the providers said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from shared.clima import EstadoFuente, Faltante, Fuente, Periodo
from worker.obra import Ausencia
from worker.preguntar import Contestacion
from worker.tramos import corridas, dias


def de_ahora(contestaciones: Iterable[Contestacion]) -> list[Faltante]:
    """Of an answer of now: who has no part in it, and what those who have could not give this time."""
    faltantes = []
    for c in sorted(contestaciones, key=lambda c: c.fuente.proveedor):
        if c.lectura is None:
            faltantes.append(Faltante(c.fuente.proveedor, c.fuente.motivo or "", c.pasajera))
        faltantes += _campos(c.fuente, None)
    return faltantes


def de_periodo(
    ausencias: Iterable[Ausencia],
    piezas: Iterable[tuple[Periodo, Fuente]],
    resultantes: Iterable[Fuente],
) -> list[Faltante]:
    """Of a period: the pieces that did not come, fields that some pieces lack, and whoever told nothing of it all.

    Neighbouring pieces that lack the same for the same reason are one.
    """
    juntas: dict[tuple[str, str, bool, tuple[str, ...] | None], list[Periodo]] = defaultdict(list)
    for a in ausencias:
        c = a.contestacion
        juntas[c.fuente.proveedor, c.fuente.motivo or "", c.pasajera, a.campos].append(a.tramo)
    for tramo, fuente in piezas:
        for f in _campos(fuente, tramo):
            juntas[f.proveedor, f.motivo, f.pasajero, f.campos].append(tramo)
    faltantes = [
        Faltante(proveedor, motivo, pasajero, campos, corrida.inicio, corrida.fin)
        for (proveedor, motivo, pasajero, campos), tramos in juntas.items()
        for corrida in corridas({dia for t in tramos for dia in dias(t)}, tramos[0].resolucion)
    ]
    dichos = {f.proveedor for f in faltantes}
    mudas = (f for f in resultantes if f.estado == EstadoFuente.FALLIDA and f.proveedor not in dichos)
    faltantes += [Faltante(f.proveedor, f.motivo or "", pasajero=False) for f in mudas]
    return sorted(faltantes, key=lambda f: (f.proveedor, f.desde or date.min, f.campos or ()))


def _campos(fuente: Fuente, tramo: Periodo | None) -> list[Faltante]:
    por_motivo: dict[str, list[str]] = defaultdict(list)
    for campo, motivo in fuente.perdidos.items():
        por_motivo[motivo].append(campo)
    inicio, fin = (tramo.inicio, tramo.fin) if tramo else (None, None)
    return [
        Faltante(fuente.proveedor, motivo, True, tuple(campos), inicio, fin) for motivo, campos in por_motivo.items()
    ]
