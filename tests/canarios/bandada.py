"""Canaries: secrets that can be told wherever they turn up.

Each holds MARCA all along, so that any piece of 22 characters has one whole, and ends in a tail of its own.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

MARCA = "zQ7xKw9Zv"
CABEZA_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6"  # {"alg":"HS256","typ":
HASH_BCRYPT = b"$2b$"
CIFRADO_FERNET = b"gAAAAA"


class Bandada:
    """The canaries of one run, and the tokens it was given."""

    def __init__(self) -> None:
        self.nombres: list[str] = []
        self.tokens: list[str] = []

    def nuevo(self, nombre: str) -> str:
        """A canary with what must be quoted in a URL inside. Its last four characters may be shown; not five."""
        self.nombres.append(nombre)
        n = f"{len(self.nombres):02d}"
        return f"{MARCA}{n}+/{MARCA}{n}&={MARCA}~Kq{n}"

    def fernet(self, nombre: str) -> str:
        """One that is a good Fernet key, in the text of it."""
        self.nombres.append(nombre)
        n = f"{len(self.nombres):02d}"
        return f"{MARCA}{n}-{MARCA}{n}_{MARCA}{n}-{MARCA[:7]}="

    def hallados(self, pajar: bytes) -> list[str]:
        """Which secrets are in there, whole or in part, plain or encoded, with what stands around them."""
        halladas = [_donde(nombre, pajar, aguja) for nombre, aguja in self._agujas() if aguja in pajar]
        if MARCA.lower().encode() in (bajo := pajar.lower()) and not halladas:
            halladas.append(_donde("en minúsculas", bajo, MARCA.lower().encode()))
        return halladas

    def _agujas(self) -> Iterator[tuple[str, bytes]]:
        yield "el principio de un canario", MARCA[:7].encode()
        for secreto in (MARCA, CABEZA_JWT):
            yield from formas(secreto)
        for n, nombre in enumerate(self.nombres, 1):
            yield f"los cinco últimos de {nombre}", f"~Kq{n:02d}".encode()
        for token in self.tokens:
            firma = token.rpartition(".")[2]
            yield "la firma de un token", firma[:12].encode()
            yield "la firma de un token", firma[-12:].encode()


def formas(texto: str) -> Iterator[tuple[str, bytes]]:
    crudo = texto.encode()
    yield texto, crudo
    yield f"{texto} en una URL", quote(texto, safe="").encode()
    yield f"{texto} en hexadecimal", crudo.hex().encode()
    for antes in range(3):  # base64 depends on where in its text it begins
        codificado = b64encode(b"\0" * antes + crudo).rstrip(b"=")
        entero = codificado[(0, 2, 3)[antes] : len(codificado) - bool((antes + len(crudo)) % 3)]
        for variante in {entero, entero.replace(b"+", b"-").replace(b"/", b"_")}:
            yield f"{texto} en base64", variante


def _donde(nombre: str, pajar: bytes, aguja: bytes) -> str:
    lugar = pajar.index(aguja)
    return f"{nombre}: {pajar[max(0, lugar - 80) : lugar + 80]!r}"


def abierto(valor: bytes) -> bytes:
    """And, if it is compressed, what is inside."""
    with suppress(zlib.error):
        return valor + b"\n" + zlib.decompress(valor)
    return valor
