"""A whole period added up from its pieces: the combined rows, the totals, and each source's part."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.clima import (
    EstadoFuente,
    Fuente,
    Medicion,
    Periodo,
    Resolucion,
    Resultado,
    fuente_de_json,
    iso_utc,
)
from shared.series import Fila, desempacar
from worker.combinar import TERRENO, Resumen, a_la_altura, acuerdo, combinar

VACIA = "no reportó ningún dato"
DECIMALES = 4  # finer than any provider tells


class Cuentas:
    """The whole period, added up piece by piece. altura_m: of the place; None: as Open-Meteo's terrain model has it.

    con_datos: the local days of which anybody reported anything of what was asked.
    """

    def __init__(self, campos: list[str], altura_m: float | None = None) -> None:
        self._altura_m = altura_m
        self._campos = campos
        self._total = Resumen()
        self._por_fuente: dict[str, Resumen] = defaultdict(Resumen)
        self._partes: dict[str, list[tuple[Fuente, int]]] = defaultdict(list)
        self.con_datos: set[str] = set()
        self._desviaciones: dict[str, list[float]] = defaultdict(list)
        self._n: dict[str, int] = defaultdict(int)
        self._descartes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._imposibles: dict[str, dict[str, list[str]]] = defaultdict(dict)

    def tramo(self, tramo: Periodo, guardadas: list[tuple[dict[str, Any], bytes]]) -> list[Fila]:
        """Combine one piece; returns its rows, one per day or hour of the period, null where nobody reported.

        guardadas: the Fuente as JSON and the packed rows of every part that has some of its days.
        """
        por_clave: dict[str, dict[str, Medicion]] = defaultdict(dict)
        locales: dict[str, str | None] = {}
        clave = "fecha" if tramo.resolucion == Resolucion.DIARIA else "instante"
        altura_m = self._altura_de(guardadas)
        for json, datos in guardadas:
            fuente = fuente_de_json(json)
            filas = [f for f in desempacar(datos) if f[clave] and str(tramo.inicio) <= f["fecha"] <= str(tramo.fin)]
            self._partes[fuente.proveedor].append((fuente, len(filas)))
            for fila in filas:
                suyas = por_clave[fila[clave]]
                if fuente.proveedor not in suyas:  # a day or hour counts once
                    suyas[fuente.proveedor] = a_la_altura(_medicion(fila), fuente.altura_m, altura_m)
                    locales[fila[clave]] = fila["fecha"]
                    self._por_fuente[fuente.proveedor].agregar(fila)
                    for campo, motivo in (fila.get("imposibles") or {}).items():
                        self._imposibles[fuente.proveedor].setdefault(campo, []).append(motivo)
        if tramo.resolucion == Resolucion.DIARIA:
            claves = [str(tramo.inicio + timedelta(days=n)) for n in range(tramo.dias)]
        else:
            claves = sorted(por_clave)
        return [self._combinar(c, locales.get(c), por_clave.get(c, {}), tramo.resolucion) for c in claves]

    def _altura_de(self, guardadas: list[tuple[dict[str, Any], bytes]]) -> float | None:
        if self._altura_m is None:
            self._altura_m = next((f.get("altura_m") for f, _ in guardadas if f["proveedor"] == TERRENO), None)
        return self._altura_m

    def _combinar(self, clave: str, fecha: str | None, mediciones: dict[str, Medicion], resolucion: Resolucion) -> Fila:
        valores, dispersion, descartes = combinar(mediciones, self._campos)
        for campo, d in dispersion.items():
            self._desviaciones[campo].append(d["desviacion"])
            self._n[campo] = max(self._n[campo], d["n"])
        for proveedor, campos in descartes.items():
            for campo in campos:
                self._descartes[proveedor][campo] += 1
        self._total.agregar(valores)
        if any(valor is not None for valor in valores.values()):
            self.con_datos.add(str(clave if resolucion == Resolucion.DIARIA else fecha))
        momento = {"fecha": clave} if resolucion == Resolucion.DIARIA else {"fecha": fecha, "instante": clave}
        return {**momento, **valores, "fuentes": len(mediciones)}

    def resultado(self, ausentes: dict[str, Fuente]) -> Resultado:
        usadas = [self._usada(p, una_fuente(partes), ausentes.get(p)) for p, partes in self._partes.items()]
        resto = [f for p, f in ausentes.items() if p not in self._partes]
        dispersion = {campo: self._dispersion(campo) for campo in self._campos if self._desviaciones.get(campo)}
        return Resultado(
            valores=self._total.valores(self._campos),
            dispersion=dispersion,
            fuentes=sorted([*usadas, *resto], key=lambda f: f.proveedor),
            parcial=any(f.estado == EstadoFuente.FALLIDA for f in ausentes.values()),
        )

    def _usada(self, proveedor: str, fuente: Fuente, fallo: Fuente | None) -> Fuente:
        motivos = []
        if self._por_fuente[proveedor].filas < self._total.filas:
            porque = f": {fallo.motivo}" if fallo else ""
            motivos.append(f"cubre {self._por_fuente[proveedor].filas} de {self._total.filas} fechas{porque}")
        descartes = self._descartes_de(proveedor)
        motivos += [f"{campo}: {motivo}" for campo, motivo in descartes.items()]
        valores = self._por_fuente[proveedor].valores(self._campos)
        if all(v is None for v in valores.values()):
            return replace(fuente, estado=EstadoFuente.FALLIDA, motivo=VACIA)
        return replace(fuente, valores=valores, motivo="; ".join(motivos) or None, descartes=descartes)

    def _descartes_de(self, proveedor: str) -> dict[str, str]:
        """Field → how many of its values were left out, and why."""
        partes: dict[str, list[str]] = defaultdict(list)
        for campo, n in self._descartes[proveedor].items():
            partes[campo].append(f"{n} valores lejos de las demás fuentes" if n > 1 else "1 valor lejos de las demás fuentes")
        for campo, vistos in self._imposibles[proveedor].items():
            partes[campo].append(vistos[0] if len(vistos) == 1 else f"{len(vistos)} valores: {vistos[0]}, y así otros")
        return {campo: "; ".join(p) for campo, p in partes.items()}

    def _dispersion(self, campo: str) -> dict[str, Any]:
        """min and max over the days; desviacion: the sources' own, averaged over the days; cobertura: see Resumen."""
        minimo, maximo = self._total.extremos(campo) or (None, None)
        desviacion = sum(self._desviaciones[campo]) / len(self._desviaciones[campo])
        return {
            "min": None if campo == "direccion_viento" else minimo,
            "max": None if campo == "direccion_viento" else maximo,
            "desviacion": round(desviacion, 2),
            "n": self._n[campo],
            "cobertura": self._total.cobertura(campo),
            "acuerdo": acuerdo(2 * desviacion, campo) if self._n[campo] > 1 else None,
        }


def una_fuente(partes: list[tuple[Fuente, int]]) -> Fuente:
    """One source out of its parts, each with how many rows it gave: the largest one's, where they differ.

    consultado_en: when the oldest of it was said. desde_cache: if any of it was not asked for now; extras says how
    much of it (de_cache), and how many rows each station gave if there were several (estaciones). latencia_ms: the
    slowest. If any of it is the laboratory's, so is the whole.
    """
    mayor = max(partes, key=lambda par: par[1])[0]
    filas, guardadas = sum(n for _, n in partes), sum(n for f, n in partes if f.desde_cache)
    estaciones: Counter[str] = Counter()
    for f, n in partes:
        estaciones[f.estacion or ""] += n
    extras = dict(mayor.extras)
    if 0 < guardadas < filas:
        extras["de_cache"] = f"{guardadas} de {filas} fechas"
    if len(estaciones) > 1:
        extras["estaciones"] = dict(estaciones)
    return replace(
        next((f for f, _ in partes if f.laboratorio), mayor),
        estacion=mayor.estacion,
        distancia_km=mayor.distancia_km,
        altura_m=mayor.altura_m,
        consultado_en=min((f.consultado_en for f, _ in partes if f.consultado_en), default=None),
        desde_cache=guardadas > 0,
        latencia_ms=max((f.latencia_ms for f, _ in partes if f.latencia_ms is not None), default=None),
        extras=extras,
    )


def fila_de(m: Medicion) -> Fila:
    """As it is stored. Numbers keep DECIMALES: a station's means have many more, which mean nothing and take room."""
    valores = {c: round(v, DECIMALES) if isinstance(v, float) else v for c, v in m.valores().items()}
    momento = {"fecha": str(m.fecha) if m.fecha else None, "instante": iso_utc(m.observado_en)}
    return {**momento, **valores, "imposibles": m.imposibles or None}


def _medicion(fila: Fila) -> Medicion:
    """Back from a stored row; its keys in time stay text."""
    valores = {c: v for c, v in fila.items() if c not in ("fecha", "instante", "imposibles")}
    return Medicion(**valores, imposibles=fila.get("imposibles") or {})
