"""deploy/instalar.sh under another root: a dry run, an installation, the same again, and an upgrade under load."""

from __future__ import annotations

import os
import pty
import pwd
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests

from tests.deploy.instalacion import REPO, Instalacion
from tests.pila import Persona, entorno_limpio
from tests.servidores import esperar

GUIONES = sorted(f for f in REPO.rglob("*.sh") if ".venv" not in f.parts)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the machine it installs is Linux")


def retrato(raiz: Path) -> dict[str, tuple[int, str]]:
    """Mode and content, or target, of all that is not inside a release."""
    carpetas = [raiz / "etc", raiz / "opt/climaguru/deploy"]
    sueltos = [*(raiz / "opt/climaguru").iterdir(), *(raiz / "opt/climaguru/versiones").iterdir()]
    return {
        str(f.relative_to(raiz)): (
            f.lstat().st_mode,
            str(f.readlink()) if f.is_symlink() else f.read_text() if f.is_file() else "",
        )
        for f in [*sueltos, *(f for carpeta in carpetas for f in carpeta.rglob("*"))]
    }


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("guion", [*GUIONES, REPO / ".ci" / "run"], ids=lambda g: str(g.relative_to(REPO)))
def test_shellcheck_no_dice_nada(guion: Path) -> None:
    fin = subprocess.run(["shellcheck", "-x", str(guion)], cwd=REPO, capture_output=True, text=True, check=False)
    assert (fin.returncode, fin.stdout) == (0, "")


@pytest.mark.parametrize("opciones", [("--nada",), ("--nombre",), ("--nombre", "x;rm -rf /"), ("--registro", "si")])
def test_lo_que_no_se_entiende_no_hace_nada(tmp_path: Path, opciones: tuple[str, ...]) -> None:
    orden = ["sh", str(REPO / "deploy/instalar.sh"), *opciones]
    fin = subprocess.run(orden, env=entorno_limpio(RAIZ=str(tmp_path)), capture_output=True, text=True, check=False)
    assert (fin.returncode, list(tmp_path.iterdir())) == (2, [])


def test_los_secretos_son_nuevos_y_los_lee_solo_el_grupo(nueva: Instalacion) -> None:
    texto = nueva.recien
    pares = dict(linea.split("=", 1) for linea in texto.splitlines() if "=" in linea and linea[0] not in "# ")
    assert all(len(pares[n]) >= 44 for n in ("SECRET_KEY", "JWT_SECRET_KEY", "ENCRYPTION_KEY"))
    assert pares["PROXIES_DE_CONFIANZA"] == "1"
    assert re.fullmatch("redis://climaguru:[0-9a-f]{64}@127.0.0.1:6379/0", pares["REDIS_URL"])
    assert "user default reset off ~* &* +@all\n" in (nueva.raiz / "etc/redis/climaguru.conf").read_text()
    flower = nueva.raiz / "etc/climaguru/flower.env"
    assert flower.read_text().startswith("FLOWER_BASIC_AUTH=operador:")
    assert {f.stat().st_mode & 0o777 for f in (nueva.fichero, flower)} == {0o640}
    assert texto.count("\n") == (REPO / "deploy/env.example").read_text().count("\n"), "the explanations stay"


def test_unidades_y_sitio_quedan_en_su_lugar(nueva: Instalacion) -> None:
    for unidad in (REPO / "deploy/systemd").glob("climaguru*"):
        assert (nueva.raiz / "etc/systemd/system" / unidad.name).read_text() == unidad.read_text()
    assert "server_name clima.ejemplo.co;" in (nueva.raiz / "etc/nginx/sites-enabled/climaguru.conf").read_text()


def test_pip_corre_como_otro_y_lo_que_deja_es_de_root(nueva: Instalacion) -> None:
    quien = nueva.entorno().get("CONSTRUCTOR")
    if quien is None:
        pytest.skip("only root can run pip as another, and only with a Python that the other can reach")
    assert nueva.registro_pip.stat().st_uid == pwd.getpwnam(quien).pw_uid
    versiones = list((nueva.raiz / "opt/climaguru/versiones").iterdir())  # several, if another test has upgraded
    assert versiones
    for version in versiones:
        todo = [version, *(f for f in version.rglob("*") if not f.is_symlink())]
        assert [f for f in todo if f.stat().st_uid != os.geteuid() or f.stat().st_mode & 0o022] == []
        assert {f.name for f in version.iterdir()} >= {"completa", "paquetes", "bin"}
        assert not (version / "obra").exists()


def test_un_paquete_con_otra_huella_no_se_instala(nueva: Instalacion) -> None:
    """The file that comes is not the one that was locked; nothing is put to use."""
    fuente = nueva.raiz.parent / "alterada"
    shutil.copytree(nueva.fuente, fuente)
    lock = (fuente / "requirements.lock").read_text().replace("--hash=sha256:", "--hash=sha256:" + "0" * 8)
    (fuente / "requirements.lock").write_text(re.sub("(sha256:.{64}).{8}", r"\1", lock))
    otra = Instalacion(fuente, nueva.raiz.parent / "alterada-raiz", nueva.gobierno)
    fin = otra.instalar()
    assert (fin.returncode, "DO NOT MATCH THE HASHES" in fin.stderr) == (1, True), fin.stderr
    assert not [*otra.raiz.rglob("completa"), *otra.raiz.rglob("climaguru.env")]


def preguntar(una: Instalacion, donde: Path, tecla: str, *opciones: str) -> tuple[str, str]:
    """Install in another root with the release that is made, on a terminal (tecla: what is typed there); what it said,
    and REGISTRO_ABIERTO."""
    (donde / "opt/climaguru").mkdir(parents=True)
    (donde / "opt/climaguru/versiones").symlink_to(una.raiz / "opt/climaguru/versiones")
    mio, suyo = pty.openpty()
    os.write(mio, tecla.encode())
    orden = ["sh", str(una.fuente / "deploy/instalar.sh"), "--sin-nginx", *opciones]
    entorno = una.entorno() | {"RAIZ": str(donde)}
    fin = subprocess.run(orden, env=entorno, stdin=suyo, capture_output=True, text=True, check=False)
    os.close(mio)
    os.close(suyo)
    assert fin.returncode == 3, fin.stderr
    (valor,) = re.findall("^REGISTRO_ABIERTO=(.*)", (donde / "etc/climaguru/climaguru.env").read_text(), re.MULTILINE)
    return fin.stdout, valor


@pytest.mark.parametrize(
    ("tecla", "opciones", "pregunta", "queda"),
    [
        ("n\n", (), True, "false"),
        ("\n", (), True, "true"),
        ("s\n", (), True, "true"),
        ("\n", ("--registro", "cerrado"), False, "false"),
        ("n\n", ("--registro", "abierto"), False, "true"),
    ],
)
def test_pregunta_por_el_registro_en_una_terminal(
    nueva: Instalacion, tmp_path: Path, tecla: str, opciones: tuple[str, ...], pregunta: bool, queda: str
) -> None:
    dicho, valor = preguntar(nueva, tmp_path, tecla, *opciones)
    assert ("¿Puede cualquiera crear una cuenta" in dicho, valor) == (pregunta, queda)
    assert f"registro {'abierto' if queda == 'true' else 'cerrado'}" in dicho


def test_sin_terminal_no_pregunta_y_el_registro_queda_abierto(nueva: Instalacion) -> None:
    assert "\nREGISTRO_ABIERTO=true\n" in nueva.recien


def test_un_redis_sin_clave_sigue_y_se_dice_como_ponersela(en_marcha: Instalacion) -> None:
    assert "Redis no pide contraseña. Para que la pida: " in en_marcha.instalar().stdout


def test_repetirlo_no_cambia_nada(en_marcha: Instalacion) -> None:
    antes, ordenes = retrato(en_marcha.raiz), len(en_marcha.gobierno.ordenes)
    fin = en_marcha.instalar()
    assert fin.returncode == 0, fin.stderr
    assert retrato(en_marcha.raiz) == antes
    verbos = {orden[0] for orden in en_marcha.gobierno.ordenes[ordenes:]}
    assert verbos <= {"enable", "is-active"}, "nothing is reloaded nor restarted"


@dataclass
class Carga:
    """Submits without pause until told to stop, each request on a connection of its own."""

    persona: Persona
    basta: Event = field(default_factory=Event)
    aceptadas: list[str] = field(default_factory=list)
    fallos: list[str] = field(default_factory=list)

    def correr(self) -> None:
        cuerpos: list[tuple[str, dict[str, Any]]] = [
            ("tiempo-real", {"latitud": 6.2, "longitud": -75.5, "max_edad_s": 0}),
            ("historico", {"ciudad": "Cali", "fecha_inicio": "2026-01-01", "fecha_fin": "2026-01-05"}),
        ]
        n = 0
        while not self.basta.wait(0.3):
            tipo, cuerpo = cuerpos[n % 2]
            n += 1
            try:
                r = requests.post(
                    f"{self.persona.base}/api/consultas/{tipo}", json=cuerpo, headers=self._cabeceras, timeout=30
                )
            except requests.RequestException as e:
                self.fallos.append(repr(e))
                continue
            if r.status_code == 202:
                self.aceptadas.append(r.json()["enlaces"]["self"])
            else:
                self.fallos.append(f"{r.status_code} {r.text}")

    def estado(self, donde: str) -> str:
        r = requests.get(self.persona.base + donde, headers=self._cabeceras, timeout=60)
        return str(r.json()["consulta"]["estado"])

    @property
    def _cabeceras(self) -> dict[str, str]:
        return {"Authorization": str(self.persona.http.headers["Authorization"])}


def test_actualizar_bajo_carga_no_pierde_nada(en_marcha: Instalacion) -> None:
    """Another release, told by what /health answers; every request is answered and every consulta ends well."""
    gobierno, url = en_marcha.gobierno, f"http://127.0.0.1:{en_marcha.gobierno.puerto}"
    vieja, trabajadores = en_marcha.version, [u for u in gobierno.vivos if "worker@" in u]
    esperar(lambda: requests.get(f"{url}/health/ready", timeout=60).json()["trabajadores"] == 2, "two workers")
    assert all(vieja in gobierno.orden_de(u) for u in trabajadores)
    carga = Carga(Persona(url, "carga"))
    salud = en_marcha.fuente / "api/salud.py"
    salud.write_text(salud.read_text().replace('jsonify(estado="ok")', 'jsonify(estado="ok", nueva="si")'))
    ordenes = len(gobierno.ordenes)
    with ThreadPoolExecutor(1) as hilo:
        corre = hilo.submit(carga.correr)
        try:
            fin = en_marcha.instalar()
            assert fin.returncode == 0, fin.stdout + fin.stderr
            esperar(lambda: "nueva" in requests.get(f"{url}/health", timeout=60).text, "the new code")
        finally:
            carga.basta.set()
        corre.result()
    rotadas = [o for o in gobierno.ordenes[ordenes:] if o[0] in ("reload", "restart")]
    assert rotadas == [["reload", "climaguru-api.service"], *(["restart", u] for u in sorted(trabajadores))]
    assert en_marcha.version != vieja
    propios = (en_marcha.raiz / "opt/climaguru/versiones" / en_marcha.version / "bin").iterdir()
    assert [f.name for f in propios if not f.is_symlink() and vieja.encode() in f.read_bytes()] == []
    assert all(en_marcha.version in gobierno.orden_de(u) for u in trabajadores)
    assert carga.fallos == []
    assert len(carga.aceptadas) > 10
    for donde in carga.aceptadas:
        esperar(lambda donde=donde: carga.estado(donde) in ("completada", "error"), f"the end of {donde}")  # type: ignore[misc]
        assert carga.estado(donde) == "completada"
