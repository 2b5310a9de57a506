"""The downloads. FORMATOS: name → (media type, function that yields the file in chunks).

Every writer gets the Documento's parts and an iterator over the stored pieces of the series (empty for tiempo_real),
and never holds more than one piece.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from shared.clima import UNIDADES, Formato
from shared.series import Fila

Tramos = Iterable[list[Fila]]
ANCHOS = {"instante": 20, "hora_local": 25}
PELIGROSOS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run the cell
PARTE_PELIGROSA = re.compile(r"([,;\t\r\n][\s\"']*)(?=[=+@-])")  # where another separator than ours would begin a cell


@dataclass(frozen=True, slots=True)
class Documento:
    """What a download says: consulta and datos_clima as the API shows them, and the fields that were asked for.

    campos: in the order of Medicion. momento: the columns that date a row of the series; empty for tiempo_real.
    tramos: how many pieces its series has.
    """

    consulta: dict[str, Any]
    datos_clima: dict[str, Any]
    valores: dict[str, Any]
    campos: list[str]
    momento: list[str]
    tramos: int = 0


def en_json(d: Documento, tramos: Tramos) -> Iterator[bytes]:
    cuerpo = orjson.dumps({"consulta": d.consulta, "datos_clima": d.datos_clima})
    if not d.momento:
        yield cuerpo
        return
    yield cuerpo[:-2] + b',"serie":['
    coma = b""
    for filas in tramos:
        if filas:
            yield coma + orjson.dumps(filas)[1:-1]
            coma = b","
    yield b"]}}"


def en_yaml(d: Documento, tramos: Tramos) -> Iterator[bytes]:
    """Rows of the series in flow style, one a line: a JSON object is YAML."""
    cuerpo = {"consulta": d.consulta, "datos_clima": d.datos_clima}
    yield yaml.dump(cuerpo, Dumper=_Volcador, allow_unicode=True, sort_keys=False, width=1000).encode()
    if d.momento:
        yield b"  serie:\n"
    for filas in tramos:
        yield b"".join(b"  - " + orjson.dumps(fila) + b"\n" for fila in filas)


def en_csv(d: Documento, tramos: Tramos) -> Iterator[bytes]:
    """One row per day or hour, or one row in all; every field asked for has its column.

    visibilidad_al_menos: true where the visibility is the least that it can be.
    """
    fijas = ["ciudad", "latitud", "longitud"]
    campos = [*d.campos, *(["visibilidad_al_menos"] if "visibilidad" in d.campos else [])]
    origen = "laboratorio" if d.datos_clima["laboratorio"] else "proveedores"
    lugar = [d.consulta[c] for c in fijas]
    if d.momento:
        yield linea([*d.momento, *fijas, *campos, "fuentes", "origen"])
        for filas in tramos:
            yield b"".join(
                linea([*_celdas(f, d.momento), *lugar, *_celdas(f, campos), f["fuentes"], origen]) for f in filas
            )
        return
    yield linea(["consulta_id", "completada_en", *fijas, *campos, "fuentes", "origen"])
    fuentes = " ".join(d.datos_clima["fuentes_utilizadas"])
    consulta = [d.consulta["id"], d.consulta["completada_en"]]
    valores = {**d.valores, "visibilidad_al_menos": _al_menos(d, "visibilidad") or None}
    yield linea([*consulta, *lugar, *_celdas(valores, campos), fuentes, origen])


def en_txt(d: Documento, tramos: Tramos) -> Iterator[bytes]:
    """For reading: a heading, the values with units, each source's part, and the series as a table."""
    c, columnas = d.consulta, [*d.momento, *d.campos]
    lugar = _nombre_de(c)
    yield f"ClimaGuru · consulta {c['id']} · {c['tipo_consulta']}\n{lugar} ({c['latitud']}, {c['longitud']})\n".encode()
    if c["fecha_inicio"]:
        yield f"Del {c['fecha_inicio']} al {c['fecha_fin']}, resolución {c['resolucion']}\n".encode()
    if d.datos_clima["laboratorio"]:
        yield "ATENCIÓN: datos simulados del laboratorio, no son observaciones.\n".encode()
    yield b"\n"
    for campo in d.campos:
        yield f"  {campo:<20} {_legible(campo, d.valores.get(campo), al_menos=_al_menos(d, campo))}\n".encode()
    yield b"\nFuentes\n"
    for f in d.datos_clima["fuentes"]:
        motivo = f" ({f['motivo']})" if f.get("motivo") else ""
        yield f"  {f['proveedor']:<12} {f['estado']:<10} {f['atribucion'] or ''}{motivo}\n".encode()
    if faltantes := d.datos_clima.get("faltantes"):
        yield ("\nFaltantes\n" + "".join(map(_falta, faltantes))).encode()
    if d.momento:
        yield b"\nSerie\n" + _renglon(columnas, columnas)
    for filas in tramos:
        yield b"".join(_renglon(columnas, _celdas(_con_al_menos(f), columnas)) for f in filas)


FORMATOS: dict[Formato, tuple[str, Callable[[Documento, Tramos], Iterator[bytes]]]] = {
    Formato.JSON: ("application/json; charset=utf-8", en_json),
    Formato.CSV: ("text/csv; charset=utf-8", en_csv),
    Formato.TXT: ("text/plain; charset=utf-8", en_txt),
    Formato.YAML: ("application/yaml; charset=utf-8", en_yaml),
}


class _Volcador(yaml.CSafeDumper):
    """Without anchors: a value that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _celdas(fila: Fila, columnas: list[str]) -> list[Any]:
    return [fila.get(c) for c in columnas]


def _al_menos(d: Documento, campo: str) -> bool:
    return bool(d.datos_clima.get("dispersion", {}).get(campo, {}).get("al_menos"))


def _con_al_menos(fila: Fila) -> Fila:
    """With «≥» where a row's visibility only says «at least»."""
    return {**fila, "visibilidad": f"≥ {fila['visibilidad']}"} if fila.get("visibilidad_al_menos") else fila


def linea(celdas: list[Any]) -> bytes:
    salida = io.StringIO()
    csv.writer(salida, lineterminator="\r\n").writerow([neutralizar(c) for c in celdas])
    return salida.getvalue().encode()


def neutralizar(celda: Any) -> Any:
    """Text that a spreadsheet would run gets an apostrophe; numbers, negative ones too, stay numbers. True is true.

    Also within: where the list separator is `;`, as in Colombia, or a tab, a part of our cell is a cell.
    """
    if isinstance(celda, bool):
        return str(celda).lower()
    if not isinstance(celda, str):
        return celda
    segura = PARTE_PELIGROSA.sub(r"\1'", celda)
    return f"'{segura}" if celda.lstrip(" ").startswith(PELIGROSOS) else segura


def _legible(campo: str, valor: Any, *, al_menos: bool) -> str:
    """al_menos: the number is the least that it can be."""
    if valor is None:
        return "sin dato"
    unidad = UNIDADES.get("temperatura" if campo.startswith("temperatura") else campo, "")
    return f"{'≥ ' * al_menos}{valor} {unidad}".strip()


def _falta(f: dict[str, Any]) -> str:
    que = " ".join(f.get("campos", ["todo"]))
    dias = f", del {f['desde']} al {f['hasta']}" if "desde" in f else ""
    fin = " (puede llegar si se reintenta)" if f["pasajero"] else ""
    return f"  {f['proveedor']:<12} {que}{dias}: {f['motivo']}{fin}\n"


def _nombre_de(c: dict[str, Any]) -> str:
    """«Barranquilla, Atlántico, CO»: which place it is of, however it was written."""
    dicho = c.get("lugar") or {"nombre": c["ciudad"]}
    return ", ".join(filter(None, (dicho.get(parte) for parte in ("nombre", "region", "pais")))) or "Coordenadas"


def _renglon(columnas: list[str], celdas: list[Any]) -> bytes:
    """Each column as wide as its name, or as a time."""
    anchos = [ANCHOS.get(c, max(10, len(c))) for c in columnas]
    textos = ("-" if v is None else str(v) for v in celdas)
    return ("  " + " ".join(f"{t:>{a}}" for t, a in zip(textos, anchos, strict=True)) + "\n").encode()
