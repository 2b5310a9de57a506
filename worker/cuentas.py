"""A whole period added up from its pieces: the combined rows, the totals, and each source's part."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.clima import (
    CAMPOS_MEDIDOS,
    EstadoFuente,
    Fuente,
    Medicion,
    Periodo,
    Resolucion,
    Resultado,
    fuente_de_json,
    iso_utc,
)
from shared.redondeo import DECIMALES, mitad_arriba
from shared.series import Fila, desempacar
from worker.combinar import SIN_VELOCIDAD, SOLO_AL_MENOS, TERRENO, a_la_altura, acuerdo, combinar
from worker.resumen import Resumen

VACIA = "no reportó ningún dato"
LEJOS = "lejos de las demás fuentes"
# Of a day's or hour's extras only these are kept, and in a source's they are summed up (Cuentas.extras_de).
VIENTO_MAXIMO, CIELO_PROPIO = "viento_maximo_kmh", "cielo_propio"


class Cuentas:
    """The whole period, added up piece by piece. altura_m: of the place; None: as Open-Meteo's terrain model has it.

    zona_horaria: the place's; an hour belongs to the day that its clock shows, whatever a provider called that day.
    con_datos: the local days of which anybody reported anything of what was asked.

    Sources are compared row by row, so only where two or more told the same day or hour: `en_comun` in dispersion says
    in which share of the rows that was. A source's own totals are of the rows it has: its `cobertura` says how many.
    """

    def __init__(self, campos: list[str], altura_m: float | None = None, zona_horaria: str | None = None) -> None:
        self._altura_m = altura_m
        self._zona = ZoneInfo(zona_horaria) if zona_horaria else UTC
        self._campos = campos
        self._total = Resumen()
        self._por_fuente: dict[str, Resumen] = defaultdict(Resumen)
        self._partes: dict[str, list[tuple[Fuente, int]]] = defaultdict(list)
        self.con_datos: set[str] = set()
        self._desviaciones: dict[str, list[float]] = defaultdict(list)
        self._ampliadas: Counter[str] = Counter()
        self._n: dict[str, int] = defaultdict(int)
        self._descartes: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._sin_valor: dict[str, dict[str, list[str]]] = defaultdict(dict)
        self._extras: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))

    def tramo(self, tramo: Periodo, guardadas: list[tuple[dict[str, Any], bytes]]) -> list[Fila]:
        """Combine one piece; returns its rows, one per day or hour of the period, null where nobody reported.

        guardadas: the Fuente as JSON and the packed rows of every part that has some of its days.
        """
        por_clave: dict[str, dict[str, Medicion]] = defaultdict(dict)
        clave = "fecha" if tramo.resolucion == Resolucion.DIARIA else "instante"
        altura_m = self._altura_de(guardadas)
        for json, datos in guardadas:
            fuente = fuente_de_json(json)
            filas = [f for f in desempacar(datos) if f[clave] and self._dentro(f, tramo)]
            self._partes[fuente.proveedor].append((fuente, len(filas)))
            for fila in filas:
                suyas = por_clave[fila[clave]]
                if fuente.proveedor not in suyas:  # a day or hour counts once
                    suyas[fuente.proveedor] = a_la_altura(_medicion(fila), fuente.altura_m, altura_m)
                    self._anotar(fuente.proveedor, fila)
        if tramo.resolucion == Resolucion.DIARIA:
            claves = [str(tramo.inicio + timedelta(days=n)) for n in range(tramo.dias)]
        else:
            claves = sorted(por_clave)
        return [self._combinar(self._momento(c, tramo.resolucion), por_clave.get(c, {})) for c in claves]

    def _dentro(self, fila: Fila, tramo: Periodo) -> bool:
        dia = fila["fecha"] if tramo.resolucion == Resolucion.DIARIA else self._local(fila["instante"]).date()
        return str(tramo.inicio) <= str(dia) <= str(tramo.fin)

    def _momento(self, clave: str, resolucion: Resolucion) -> Fila:
        """What dates a row: its day; an hour also its instant in UTC and the place's clock with its offset."""
        if resolucion == Resolucion.DIARIA:
            return {"fecha": clave}
        local = self._local(clave)
        return {"fecha": str(local.date()), "instante": clave, "hora_local": local.isoformat()}

    def _local(self, instante: str) -> datetime:
        return datetime.fromisoformat(instante).astimezone(self._zona)

    def _anotar(self, proveedor: str, fila: Fila) -> None:
        """One day or hour of one source, for its own part of the answer."""
        self._por_fuente[proveedor].agregar(fila)
        for campo, motivo in {**(fila.get("imposibles") or {}), **(fila.get("incomparables") or {})}.items():
            self._sin_valor[proveedor].setdefault(campo, []).append(motivo)
        for nombre, valor in (fila.get("extras") or {}).items():
            self._extras[proveedor][nombre].append(valor)

    def _altura_de(self, guardadas: list[tuple[dict[str, Any], bytes]]) -> float | None:
        if self._altura_m is None:
            self._altura_m = next((f.get("altura_m") for f, _ in guardadas if f["proveedor"] == TERRENO), None)
        return self._altura_m

    def _combinar(self, momento: Fila, mediciones: dict[str, Medicion]) -> Fila:
        valores, dispersion, descartes = combinar(mediciones, self._campos)
        for campo, d in dispersion.items():
            self._n[campo] = max(self._n[campo], d["n"])
            self._ampliadas[campo] += "ampliada_desde" in d
            if d["n"] > 1:
                self._desviaciones[campo].append(d["desviacion"])
        for proveedor, campos in descartes.items():
            for campo, motivo in campos.items():
                self._descartes[proveedor][campo, motivo if motivo in (SIN_VELOCIDAD, SOLO_AL_MENOS) else LEJOS] += 1
        al_menos = dispersion.get("visibilidad", {}).get("al_menos")
        self._total.agregar({**valores, "visibilidad_tope": al_menos})
        if any(valor is not None for valor in valores.values()):
            self.con_datos.add(momento["fecha"])
        cielo = {"visibilidad_al_menos": al_menos} if "visibilidad" in self._campos else {}
        return {**momento, **valores, **cielo, "fuentes": len(mediciones)}

    def resultado(self, ausentes: dict[str, Fuente]) -> Resultado:
        usadas = [self._usada(p, una_fuente(partes), ausentes.get(p)) for p, partes in self._partes.items()]
        resto = [f for p, f in ausentes.items() if p not in self._partes]
        dispersion = {campo: self._dispersion(campo) for campo in self._campos if self._n.get(campo)}
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
        return replace(
            fuente,
            valores=valores,
            motivo="; ".join(motivos) or None,
            descartes=descartes,
            extras={**fuente.extras, **self._extras_de(proveedor)},
            al_menos=["visibilidad"] if self._por_fuente[proveedor].al_menos and "visibilidad" in self._campos else [],
            cobertura=self._cobertura_de(proveedor),
        )

    def _cobertura_de(self, proveedor: str) -> dict[str, float]:
        """Field → share of the period's rows in which this source told it; those it never told are left out."""
        suyo = self._por_fuente[proveedor]
        partes = {campo: suyo.cobertura(campo, self._total.filas) for campo in self._campos}
        return {campo: parte for campo, parte in partes.items() if parte}

    def _extras_de(self, proveedor: str) -> dict[str, Any]:
        """The strongest wind of its days, and the sky it told most often, in its own words."""
        extras: dict[str, Any] = {}
        if maximos := self._extras[proveedor][VIENTO_MAXIMO]:
            extras[VIENTO_MAXIMO] = max(maximos)
        if cielos := self._extras[proveedor][CIELO_PROPIO]:
            extras[CIELO_PROPIO] = max(cielos, key=lambda c: (cielos.count(c), str(c)))
        return extras

    def _descartes_de(self, proveedor: str) -> dict[str, str]:
        """Field → how many of its values were left out, and why."""
        partes: dict[str, list[str]] = defaultdict(list)
        for (campo, motivo), n in self._descartes[proveedor].items():
            cuantos = f"{n} valores" if n > 1 else "1 valor"
            partes[campo].append(f"{cuantos} {motivo}" if motivo == LEJOS else f"{cuantos}: {motivo}")
        for campo, vistos in self._sin_valor[proveedor].items():
            otros = f"{len(vistos)} valores: {vistos[0]}" + (", y así otros" if len(set(vistos)) > 1 else "")
            partes[campo].append(vistos[0] if len(vistos) == 1 else otros)
        return {campo: "; ".join(p) for campo, p in partes.items()}

    def _dispersion(self, campo: str) -> dict[str, Any]:
        """min and max over the days. desviacion, acuerdo: of the sources, averaged over the days that two or more of
        them told (en_comun: which share). cobertura: see Resumen. ampliadas: days whose extreme was widened."""
        minimo, maximo = self._total.extremos(campo) or (None, None)
        juntos = self._desviaciones[campo]
        desviacion = sum(juntos) / len(juntos) if juntos else 0.0
        dispersion = {
            "min": None if campo == "direccion_viento" else minimo,
            "max": None if campo == "direccion_viento" else maximo,
            "desviacion": mitad_arriba(desviacion, 2),
            "n": self._n[campo],
            "cobertura": self._total.cobertura(campo),
            "en_comun": round(len(juntos) / self._total.filas, DECIMALES),
            "acuerdo": acuerdo(2 * desviacion, campo) if juntos else None,
        }
        ampliadas = {"ampliadas": self._ampliadas[campo]} if self._ampliadas[campo] else {}
        al_menos = {"al_menos": True} if campo == "visibilidad" and self._total.al_menos else {}
        return {**dispersion, **ampliadas, **al_menos}


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
    return {
        **momento,
        **valores,
        "imposibles": m.imposibles or None,
        "incomparables": m.incomparables or None,
        "visibilidad_tope": m.visibilidad_tope or None,
        "extras": {c: m.extras[c] for c in (VIENTO_MAXIMO, CIELO_PROPIO) if c in m.extras} or None,
    }


def _medicion(fila: Fila) -> Medicion:
    """Back from a stored row, as far as it is combined."""
    valores: dict[str, Any] = {campo: fila.get(campo) for campo in CAMPOS_MEDIDOS}
    imposibles = fila.get("imposibles") or {}
    return Medicion(**valores, imposibles=imposibles, visibilidad_tope=bool(fila.get("visibilidad_tope")))
