"""A period summed up from its rows: the combined ones to totals, or those of one source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from shared.clima import CAMPOS_NUMERICOS
from shared.redondeo import DECIMALES, redondear
from worker.combinar import Valores, Vector, en_orden


class Resumen:
    """A period from its days or hours, one at a time: means, extremes, total rain, vector wind, commonest text.

    A row's keys are the fields of Medicion. al_menos: some visibility in it said «at least», so the mean does too.
    A row with a direction and no speed weighs as the mean speed of the others, as in media_vectorial. A day whose
    extremes nobody told is as cold and as warm as its mean.
    """

    def __init__(self) -> None:
        self.filas = 0
        self.al_menos = False
        self._n: Counter[str] = Counter()
        self._suma: Counter[str] = Counter()
        self._minimo: dict[str, float] = {}
        self._maximo: dict[str, float] = {}
        self._viento, self._rumbo = Vector(), Vector()  # rows with a speed; rows without, as if it were 1
        self._textos: Counter[str] = Counter()

    def agregar(self, fila: Mapping[str, Any]) -> None:
        self.filas += 1
        for campo in CAMPOS_NUMERICOS:
            valor = fila.get(campo)
            if valor is not None:
                self._n[campo] += 1
                self._suma[campo] += valor
                self._minimo[campo] = min(valor, self._minimo.get(campo, valor))
                self._maximo[campo] = max(valor, self._maximo.get(campo, valor))
        if (grados := fila.get("direccion_viento")) is not None:
            velocidad = fila.get("velocidad_viento")
            if velocidad is None:
                self._rumbo.sumar(1.0, grados)
            else:
                self._viento.sumar(velocidad, grados)
        if fila.get("visibilidad_tope") and fila.get("visibilidad") is not None:
            self.al_menos = True
        if texto := fila.get("descripcion_clima"):
            self._textos[texto] += 1

    def valores(self, campos: Iterable[str]) -> Valores:
        """Always with minimum ≤ mean ≤ maximum."""
        valores = {campo: self._valor(campo) for campo in campos}
        en_orden(valores)
        return valores

    def cobertura(self, campo: str, de: int | None = None) -> float:
        """Share of the rows that have this field, 0–1. de: how many rows there are in all; None: those added here."""
        con = self._n[campo] if campo in CAMPOS_NUMERICOS else sum(self._textos.values())
        todas = self.filas if de is None else de
        return round(con / todas, DECIMALES) if todas else 0.0

    def extremos(self, campo: str) -> tuple[float, float] | None:
        return (self._minimo[campo], self._maximo[campo]) if self._n[campo] else None

    def _valor(self, campo: str) -> float | str | None:
        if campo == "descripcion_clima":
            return max(self._textos, key=lambda t: (self._textos[t], t)) if self._textos else None
        if campo == "direccion_viento":
            grados = self._viento.mas(self._rumbo).direccion()
            return None if grados is None else redondear(campo, grados)
        if campo == "temperatura_min":
            frias = [self._minimo[c] for c in ("temperatura_min", "temperatura") if self._n[c]]
            return redondear(campo, min(frias)) if frias else None
        if campo == "temperatura_max":
            calidas = [self._maximo[c] for c in ("temperatura_max", "temperatura") if self._n[c]]
            return redondear(campo, max(calidas)) if calidas else None
        if not self._n[campo]:
            return None
        total = self._suma[campo]
        return redondear(campo, total if campo == "precipitacion" else total / self._n[campo])
