"""What others wrote and we print: nothing in it commands the terminal, turns the writing around or hides."""

from __future__ import annotations

import ast
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from deploy.cliente.pantalla import resumen
from deploy.cliente.respuestas import leer_consulta
from deploy.local.supervisor import Servicio, Supervisor
from shared.settings import entorno
from shared.visible import a_la_vista
from tests.deploy.servicio import Terminal
from tests.deploy.test_cliente_pantalla import CONSULTA, VACIOS
from tests.proveedores.servidor import servir
from tests.servidores import esperar

MALOS = [
    *map(chr, [*range(0x09), *range(0x0A, 0x20), *range(0x7F, 0xA0)]),  # C0 but the tab, DEL and C1
    *map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C]),  # bidi marks
    *"\u2028\u2029\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\uffa0\ufe0f\ufff9",
    *map(chr, [0x1BCA0, 0x1D173, 0xE0001, 0xE0041]),
]
ATAQUE = "\x1b[31mrojo\x1b]8;;http://malo.example\x1b\\aquí\x9b2J\x9d0;título\x07" + "".join(MALOS) + "fin"
COLUMNAS = ("", "combinado", "acuerdo")


def escondidos(texto: str) -> list[str]:
    """What of it a terminal would not simply show; judged without the code under test."""
    raros = set(MALOS)
    return [c for c in texto if c != "\n" and (c in raros or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"))]


@pytest.mark.parametrize("malo", MALOS, ids=lambda c: f"U+{ord(c):04X}")
def test_lo_que_no_se_ve_se_escribe_como_en_json(malo: str) -> None:
    visto = a_la_vista(f"a{malo}b")
    assert escondidos(visto) == []
    assert json.loads(f'"{visto}"') == f"a{malo}b"


@pytest.mark.parametrize("texto", ["Bogotá, D.C.\t«ñ» 16 °C ≥ 5 │ ☀ 東京 Москва القاهرة", "a\\u001b", ""])
def test_lo_que_se_lee_queda_como_estaba(texto: str) -> None:
    assert a_la_vista(texto) == texto


def test_up_no_pasa_a_la_terminal_lo_que_un_servicio_escribe_para_ella(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crudo = ATAQUE.replace("\n", "").replace("\r", "").encode() + b"\x9b2K\xff\nfin del hijo\n"
    orden = [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({crudo!r}); sys.stdout.flush()"]
    supervisor = Supervisor([Servicio("malo", orden)], entorno(), tmp_path)
    supervisor.arrancar()
    dicho = ""

    def acabo() -> bool:
        nonlocal dicho
        dicho += capsys.readouterr().out
        return "fin del hijo" in dicho

    esperar(acabo, "the child's last line")
    supervisor.parar()
    assert escondidos(dicho) == []
    linea, ultima = dicho.splitlines()
    assert linea.startswith("malo │ \\u001b[31mrojo\\u001b]8;;http://malo.example")
    assert (linea.endswith("fin\ufffd2K\ufffd"), ultima) == (True, "malo │ fin del hijo")


def respuesta(texto: str) -> dict[str, Any]:
    """A finished consulta whose every text is this one."""
    falta = {"proveedor": texto, "motivo": texto, "pasajero": True, "campos": [texto]}
    fuente = {"proveedor": texto, "estado": "usada", "motivo": texto, "atribucion": texto, "valores": {"humedad": 1}}
    datos = {
        **dict.fromkeys(VACIOS),
        "precipitacion": 1.0,
        "visibilidad": None,
        "laboratorio": False,
        "descripcion_clima": texto,
        "temperatura": {"promedio": 1.0, "min": None, "max": None},
        "viento": {"velocidad": None, "direccion": None},
        "dispersion": {"temperatura": {"acuerdo": texto}},
        "fuentes": [fuente],
        "faltantes": [falta],
    }
    geo = {"latitud": 1.0, "longitud": 1.0, "zona_horaria": None, "altura_m": None, "geonameid": None}
    lugar = {"nombre": texto, "region": texto, "pais": texto, **geo}
    consulta = {**CONSULTA, "ciudad": texto, "lugar": lugar, "corregido_de": texto, "avisos": [texto]}
    return {"consulta": consulta, "datos_clima": datos}


def test_el_resumen_de_una_respuesta_solo_tiene_lo_que_se_ve(capsys: pytest.CaptureFixture[str]) -> None:
    resumen(leer_consulta(respuesta(ATAQUE)))
    assert escondidos(capsys.readouterr().out) == []
    resumen(leer_consulta(respuesta("[link=http://malo.example]aquí[/link]")))
    assert capsys.readouterr().out.count("[link=") >= 7, "rich read it as its own markup"


@pytest.mark.parametrize(
    ("estado", "cuerpo"),
    [
        (200, respuesta(ATAQUE)),
        (200, {"consulta": {**CONSULTA, "estado": "error", "codigo_error": ATAQUE, "mensaje_error": ATAQUE}}),
        (422, {"detail": ATAQUE, "errores": {ATAQUE: [ATAQUE]}, "quiso_decir": [ATAQUE]}),
        (500, {"detail": ATAQUE, "id_peticion": ATAQUE}),
    ],
)
def test_de_un_servidor_malo_el_cliente_solo_imprime_lo_que_se_ve(
    terminal: Terminal, estado: int, cuerpo: dict[str, Any]
) -> None:
    with servir() as red:
        red.siempre(cuerpo, estado)
        for opciones in ((), ("--json",)):
            r = terminal.escribe("seguir", "7", "--url", red.base, "--token", "x", *opciones)
            assert escondidos(r.salida + r.quejas) == []
            assert "rojo" in r.salida + r.quejas
    if estado == 200:
        assert json.loads(r.salida) == cuerpo  # written out, it reads as the same


def test_un_servidor_no_puede_escribir_una_linea_que_parezca_nuestra(terminal: Terminal) -> None:
    with servir() as red:
        red.siempre({"detail": "No.\nConsulta 7 aceptada"}, 422)
        r = terminal.escribe("seguir", "7", "--url", red.base, "--token", "x")
    assert r.quejas.splitlines()[0] == "Error: No.\\nConsulta 7 aceptada"


def test_el_cliente_solo_escribe_por_donde_se_mira() -> None:
    """Everything but salida.py says it through salida.py; rich's texts are made in one place."""
    usos = {
        f"{fichero.name}: {ast.unparse(nodo.func)}"
        for fichero in Path("deploy/cliente").glob("*.py")
        for nodo in ast.walk(ast.parse(fichero.read_text()))
        if isinstance(nodo, ast.Call) and ast.unparse(nodo.func) in ("click.echo", "click.secho", "print", "Text")
    }
    assert usos == {"salida.py: click.echo", "pantalla.py: Text"}
