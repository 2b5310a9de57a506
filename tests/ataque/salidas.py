"""What is shown, and to whom: health, files for spreadsheets, the terminal of `up`, files on disk."""

from __future__ import annotations

import csv
import http.client
import io
import re
import stat

from tests.ataque.blanco import PASSWORD, Blanco
from tests.ataque.registro import Informe, ataque

RUTAS_DE_SALUD = [
    "/health/ready",
    "/health/ready/",
    "//health/ready",
    "/health//ready",
    "/health/./ready",
    "/health/x/../ready",
    "/health/%72eady",
    "/health%2fready",
    "/HEALTH/READY",
    "/api/../health/ready",
    "/api/%2e%2e/health/ready",
    "/health/ready?x",
    "/health;/ready",
    "/metrics",
    "/api/../metrics",
]
FORMULAS = ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "=HYPERLINK(1)"]
SEPARADORES = {",": ",", ";": ";", "\t": "\\t"}
PELIGRO = re.compile(r"\s*[=+@\-](?!\d*\.?\d*$)")
RAROS = "\x1b[31m\x9b2J\u202e\u2066\u200b\x85\u061c"


@ataque
def salud_para_extranos(b: Blanco, _largo: bool) -> Informe:
    """Ver los detalles de la instalación desde fuera"""
    pasaron = 0
    ip = b.red()
    for ruta in RUTAS_DE_SALUD:
        for cabeceras in (
            {},
            {"X-Forwarded-For": "127.0.0.1"},
            {"X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
        ):
            conexion = http.client.HTTPConnection("127.0.0.1", b.frente.puerto, timeout=60, source_address=(ip, 0))
            conexion.request("GET", ruta, headers=cabeceras)  # as written: requests would tidy the path up
            cuerpo = conexion.getresponse().read()
            conexion.close()
            pasaron += b"trabajadores" in cuerpo or b"# HELP" in cuerpo
    return Informe(3 * len(RUTAS_DE_SALUD), pasaron)


@ataque
def formulas_en_el_csv(b: Blanco, largo: bool) -> Informe:
    """Fórmulas en el nombre de un lugar, para quien abra el CSV"""
    mala = b.persona()
    b.averiar()
    intentos = pasaron = 0
    for formula in FORMULAS if largo else FORMULAS[::2]:
        for antes in ("", "Cali;", "Cali,", "Cali\t", "Cali; "):
            cuerpo = {
                "ciudad": f"{antes}{formula}",
                "latitud": 3.4,
                "longitud": -76.5,
                "proveedores": ["siata", "openmeteo"],
            }
            r = mala.pedir("POST", "/api/consultas/tiempo-real", json=cuerpo, headers={"Prefer": "wait=30"})
            if r.status_code == 422:  # refused at the door
                intentos += 1
                continue
            assert r.json()["consulta"]["estado"] == "completada", r.text
            texto = mala.pedir("GET", r.json()["enlaces"]["descargar"] + "?formato=csv").content.decode("utf-8-sig")
            for separador in SEPARADORES:
                intentos += 1
                pasaron += any(
                    PELIGRO.match(c) for fila in csv.reader(io.StringIO(texto), delimiter=separador) for c in fila
                )
    return Informe(intentos, pasaron)


@ataque
def signos_en_la_terminal(b: Blanco, _largo: bool) -> Informe:
    """Órdenes de terminal y marcas invisibles en lo que `climaguru up` escribe"""
    mala = b.persona()
    mala.pedir("GET", f"/api/{RAROS}")
    mala.pedir("GET", "/api/auth/me", headers={"User-Agent": RAROS.encode(), "X-Request-ID": RAROS.encode()})
    mala.pedir("POST", "/api/consultas/tiempo-real", json={"ciudad": f"Cali{RAROS}"})
    b.entrar(f"nadie{RAROS}", PASSWORD, b.red())
    texto = b.pila.texto()
    vistos = [c for c in RAROS if not c.isprintable() and c in texto]
    return Informe(4, len(vistos), " ".join(f"U+{ord(c):04X}" for c in vistos))


@ataque
def ficheros_de_otros(b: Blanco, _largo: bool) -> Informe:
    """Leer los ficheros de `climaguru up` desde otra cuenta de la máquina"""
    ficheros = [f for f in b.datos.rglob("*") if f.is_file()]
    abiertos = [f for f in ficheros if f.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    return Informe(len(ficheros), len(abiertos), ", ".join(sorted({f.name for f in abiertos})))
