"""What can be made to go wrong, for whom, and for which share of the requests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from threading import Event, Lock
from typing import Any

from deploy.laboratorio.errores import PROVEEDORES

TIPOS = {
    "estado": "responde ese estado HTTP con el cuerpo de error propio del proveedor (necesita `estado`)",
    "demora": "espera demora_s y responde con normalidad",
    "corte": "corta la conexión sin responder",
    "corte_a_medias": "envía cabeceras y la mitad del cuerpo, y corta",
    "json_malo": "200 con el JSON truncado",
    "html": "200 con una página text/html (o el `estado` dado)",
    "cuota": "la respuesta de cuota agotada propia del proveedor",
    "retry_after": "429 (o el `estado` dado) con Retry-After: retry_after (5 por defecto)",
    "colgado": "acepta y no responde; a los demora_s (120 por defecto) corta",
    "goteo": "un byte cada demora_s (1 por defecto)",
    "redireccion": "302 hacia otro servidor",
    "enorme": "un cuerpo de más de 32 MiB, por trozos",
    "basura": "JSON válido con una forma que nadie espera",
    "eco": "repite la petición entera, clave incluida: en su error (401, o el `estado` dado), o con 200 en cada valor",
    "cabecera_mala": "responde bien, con una línea entre las cabeceras que no es una cabecera",
}
TODOS = "todos"
CLAVES = ("proveedor", "tipo", "proporcion", "estado", "retry_after", "demora_s", "ruta")


class FallaMalaError(ValueError):
    """A definition that cannot be obeyed; the text says why, in Spanish."""


@dataclass(slots=True)
class Falla:
    """One line of the plan. deuda: the share owed so far; a request fails when a whole one is owed."""

    proveedor: str
    tipo: str
    proporcion: Fraction = Fraction(1)
    estado: int | None = None
    retry_after: str | None = None
    demora_s: float | None = None
    ruta: str = ""
    deuda: Fraction = field(default=Fraction(0), repr=False)
    aplicadas: int = 0

    def como_dict(self) -> dict[str, Any]:
        opcionales = {
            "estado": self.estado,
            "retry_after": self.retry_after,
            "demora_s": self.demora_s,
            "ruta": self.ruta,
        }
        return {
            "proveedor": self.proveedor,
            "tipo": self.tipo,
            "proporcion": float(self.proporcion),
            **{clave: valor for clave, valor in opcionales.items() if valor not in (None, "")},
            "aplicadas": self.aplicadas,
        }


class Control:
    """The faults in force. `soltar` wakes every request that a fault holds, when the plan changes."""

    def __init__(self) -> None:
        self._cerrojo = Lock()
        self._fallas: list[Falla] = []
        self.soltar = Event()

    def poner(self, fallas: Iterable[Falla]) -> None:
        with self._cerrojo:
            self.soltar.set()
            self._fallas, self.soltar = list(fallas), Event()

    def ver(self) -> list[dict[str, Any]]:
        with self._cerrojo:
            return [falla.como_dict() for falla in self._fallas]

    def decidir(self, proveedor: str, ruta: str) -> tuple[Falla | None, Event]:
        """The fault this request gets, if any. Counted, not drawn: with 0.3, exactly 3 of every 10 fail.

        When two are due at once the first goes now and the other takes the next request.
        """
        with self._cerrojo:
            elegida = None
            for falla in self._fallas:
                if falla.proveedor != proveedor or falla.ruta not in ruta:
                    continue
                falla.deuda += falla.proporcion
                if elegida is None and falla.deuda >= 1:
                    falla.deuda -= 1
                    falla.aplicadas += 1
                    elegida = falla
            return elegida, self.soltar


def leer_fallas(cuerpo: object) -> list[Falla]:
    """The JSON list of PUT /_laboratorio/fallas; `todos` stands for six lines."""
    if not isinstance(cuerpo, list):
        raise FallaMalaError('Se espera una lista JSON de fallas: [{"proveedor": …, "tipo": …}].')
    fallas = []
    for i, datos in enumerate(cuerpo):
        try:
            fallas += leer_falla(datos)
        except FallaMalaError as e:
            raise FallaMalaError(f"Falla {i}: {e}") from e
    return fallas


def leer_texto(texto: str) -> list[Falla]:
    """The form of the command line: proveedor:tipo[:proporcion][:clave=valor,clave=valor]."""
    proveedor, _, resto = texto.partition(":")
    tipo, _, resto = resto.partition(":")
    if not tipo:
        raise FallaMalaError(f"«{texto}» no tiene la forma proveedor:tipo[:proporcion][:clave=valor,…].")
    datos: dict[str, Any] = {"proveedor": proveedor, "tipo": tipo}
    if resto and "=" not in resto.split(":")[0]:
        proporcion, _, resto = resto.partition(":")
        datos["proporcion"] = proporcion
    for par in filter(None, resto.split(",")):
        clave, igual, valor = par.partition("=")
        if not igual:
            raise FallaMalaError(f"«{par}» no tiene la forma clave=valor.")
        datos[clave.strip()] = valor.strip()
    return leer_falla(datos)


def leer_falla(datos: object) -> list[Falla]:
    if not isinstance(datos, dict):
        raise FallaMalaError("cada falla es un objeto con al menos «proveedor» y «tipo».")
    if extranas := sorted(set(datos) - set(CLAVES) - {"aplicadas"}):
        raise FallaMalaError(f"clave desconocida «{extranas[0]}»; valen: {', '.join(CLAVES)}.")
    proveedor, tipo = datos.get("proveedor"), datos.get("tipo")
    if proveedor not in (*PROVEEDORES, TODOS):
        raise FallaMalaError(f"proveedor «{proveedor}» desconocido; valen: {', '.join((*PROVEEDORES, TODOS))}.")
    if tipo not in TIPOS:
        raise FallaMalaError(f"tipo «{tipo}» desconocido; valen: {', '.join(TIPOS)}.")
    quienes = PROVEEDORES if proveedor == TODOS else (str(proveedor),)
    return [_armar(quien, str(tipo), datos) for quien in quienes]


def _armar(proveedor: str, tipo: str, datos: dict[str, Any]) -> Falla:
    estado = datos.get("estado")
    if tipo == "estado" and estado is None:
        raise FallaMalaError("el tipo «estado» necesita «estado», por ejemplo 503.")
    if tipo == "demora" and datos.get("demora_s") is None:
        raise FallaMalaError("el tipo «demora» necesita «demora_s», en segundos.")
    espera, retry_after = datos.get("demora_s"), datos.get("retry_after")
    ruta = datos.get("ruta", "")
    if not isinstance(ruta, str):
        raise FallaMalaError("«ruta» es un trozo de la ruta, en texto.")
    return Falla(
        proveedor,
        tipo,
        Fraction(str(_numero(datos.get("proporcion", 1), "proporcion", 0, 1))),
        None if estado is None else int(_numero(estado, "estado", 200, 599, entero=True)),
        None if retry_after is None else _cabecera(retry_after),
        None if espera is None else _numero(espera, "demora_s", 0, 3600),
        ruta,
    )


def _numero(valor: object, nombre: str, minimo: float, maximo: float, entero: bool = False) -> float:
    try:
        numero = float(valor) if isinstance(valor, (int, float, str)) and not isinstance(valor, bool) else None
    except ValueError:
        numero = None
    if numero is None or not minimo <= numero <= maximo or (entero and numero != int(numero)):
        clase = "un entero" if entero else "un número"
        raise FallaMalaError(f"«{nombre}» debe ser {clase} entre {minimo:g} y {maximo:g}, no {valor!r}.")
    return numero


def _cabecera(valor: object) -> str:
    """Seconds or an HTTP date; a bad one is allowed, since a provider can send it too."""
    texto = str(valor)
    if not texto.isprintable() or len(texto) > 200:
        raise FallaMalaError("«retry_after» debe ser una línea de texto imprimible o un número de segundos.")
    return texto.encode("latin-1", "replace").decode("latin-1")
