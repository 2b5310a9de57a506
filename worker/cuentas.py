"""A whole period added up from its pieces: the combined rows, the totals, and each source's part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.clima import EstadoFuente, Fuente, Medicion, Periodo, Resolucion, Resultado, fuente_de_json
from shared.series import Fila, desempacar
from worker.combinar import TERRENO, Resumen, a_la_altura, acuerdo, combinar


class Cuentas:
    """The whole period, added up piece by piece."""

    """altura_m: of the place; None: as the terrain model of Open-Meteo has it."""

    def __init__(self, campos: list[str], altura_m: float | None = None) -> None:
        self._altura_m = altura_m
        self._campos = campos
        self._total = Resumen()
        self._por_fuente: dict[str, Resumen] = defaultdict(Resumen)
        self._fuentes: dict[str, Fuente] = {}
        self._desviaciones: dict[str, list[float]] = defaultdict(list)
        self._n: dict[str, int] = defaultdict(int)
        self._descartes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._tramos = 0
        self._tramos_de: dict[str, int] = defaultdict(int)

    def tramo(self, tramo: Periodo, guardadas: Mapping[str, tuple[dict[str, Any], bytes]]) -> list[Fila]:
        """Combine one piece; returns its rows, one per day or hour of the period, null where nobody reported."""
        por_clave: dict[str, dict[str, Medicion]] = defaultdict(dict)
        locales: dict[str, str | None] = {}
        clave = "fecha" if tramo.resolucion == Resolucion.DIARIA else "instante"
        self._tramos += 1
        for proveedor, (fuente, datos) in guardadas.items():
            self._tramos_de[proveedor] += 1
            self._fuentes[proveedor] = fuente_de_json(fuente)
            alturas = self._fuentes[proveedor].altura_m, self._altura_de(guardadas)
            for fila in desempacar(datos):
                if fila[clave] is not None and str(tramo.inicio) <= str(fila["fecha"]) <= str(tramo.fin):
                    por_clave[fila[clave]][proveedor] = a_la_altura(_medicion(fila), *alturas)
                    locales[fila[clave]] = fila["fecha"]
                    self._por_fuente[proveedor].agregar(fila)
        if tramo.resolucion == Resolucion.DIARIA:
            claves = [str(tramo.inicio + timedelta(days=n)) for n in range(tramo.dias)]
        else:
            claves = sorted(por_clave)
        return [self._combinar(c, locales.get(c), por_clave.get(c, {}), tramo.resolucion) for c in claves]

    def _altura_de(self, guardadas: Mapping[str, tuple[dict[str, Any], bytes]]) -> float | None:
        if self._altura_m is None and TERRENO in guardadas:
            self._altura_m = guardadas[TERRENO][0].get("altura_m")
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
        momento = {"fecha": clave} if resolucion == Resolucion.DIARIA else {"fecha": fecha, "instante": clave}
        return {**momento, **valores, "fuentes": len(mediciones)}

    def resultado(self, ausentes: dict[str, Fuente]) -> Resultado:
        usadas = [self._usada(p, f, ausentes.get(p)) for p, f in self._fuentes.items()]
        resto = [f for p, f in ausentes.items() if p not in self._fuentes]
        dispersion = {campo: self._dispersion(campo) for campo in self._campos if self._desviaciones.get(campo)}
        return Resultado(
            valores=self._total.valores(self._campos),
            dispersion=dispersion,
            fuentes=sorted([*usadas, *resto], key=lambda f: f.proveedor),
            parcial=any(f.estado == EstadoFuente.FALLIDA for f in ausentes.values()),
        )

    def _usada(self, proveedor: str, fuente: Fuente, fallo: Fuente | None) -> Fuente:
        motivos = []
        if fallo:
            hechos = self._tramos_de[proveedor]
            motivos.append(f"respondió {hechos} de {self._tramos} tramos: {fallo.motivo}")
        elif self._por_fuente[proveedor].filas < self._total.filas:
            motivos.append(f"cubre {self._por_fuente[proveedor].filas} de {self._total.filas} fechas")
        descartes = {c: f"{n} valores descartados" for c, n in self._descartes[proveedor].items()}
        motivos += [f"{campo}: {motivo}" for campo, motivo in descartes.items()]
        valores = self._por_fuente[proveedor].valores(self._campos)
        return replace(fuente, valores=valores, motivo="; ".join(motivos) or None, descartes=descartes)

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


def _medicion(fila: Fila) -> Medicion:
    """Back from a stored row; its keys in time stay text."""
    return Medicion(**{c: v for c, v in fila.items() if c not in ("fecha", "instante")})
