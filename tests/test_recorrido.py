"""The whole route of one consulta over real HTTP: gunicorn, MariaDB, Redis, workers, beat, and the laboratory."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import yaml

from deploy.laboratorio.cli import variables
from deploy.local.pila import generar_secretos
from tests.pila import Persona, Pila, entorno_limpio, pila
from tests.servidores import MariaDB, Redis, esperar, puerto_libre

CLAVES = dict.fromkeys(("OPENWEATHER_API_KEY", "METEOBLUE_API_KEY", "METEOSOURCE_API_KEY"), "laboratorio")
SEIS = ("openweather", "openmeteo", "meteoblue", "meteosource", "ideam", "siata")
AYER = datetime.now(UTC).date() - timedelta(days=2)


@pytest.fixture(scope="module")
def lista(mariadb: MariaDB, servidor_redis: Redis, laboratorio: str, carpeta: Path) -> Iterator[Pila]:
    """The stack on MariaDB and Redis."""
    base = mariadb.crear_base("cg_recorrido")
    redis = servidor_redis.url.removesuffix("/0") + "/1"
    entorno = {"DATABASE_URL": base, "REDIS_URL": redis, "BCRYPT_ROUNDS": "4", **CLAVES, **variables(laboratorio)}
    with pila(carpeta / "recorrido", **entorno) as p:
        yield p


@pytest.fixture(scope="module")
def ana(lista: Pila) -> Persona:
    return Persona(lista.base, "ana")


@pytest.fixture(scope="module", autouse=True)
def ahora(ana: Persona) -> dict[str, Any]:
    """Asked before any test of this file, in whatever order they run: some spend the minute's calls of a provider."""
    return ana.pedir("tiempo-real", ciudad="Medellín")


@pytest.fixture(scope="module")
def mes(ana: Persona) -> dict[str, Any]:
    return ana.pedir("historico", ciudad="Bogotá, CO", fecha_inicio=str(AYER - timedelta(days=29)), fecha_fin=str(AYER))


def test_el_tiempo_de_ahora_llega_completo(ahora: dict[str, Any]) -> None:
    c, d = ahora["consulta"], ahora["datos_clima"]
    assert (c["estado"], c["progreso"], c["mensaje_error"]) == ("completada", 100, None)
    assert c["tiempo_respuesta_ms"] > 0
    assert -10 < d["temperatura"]["promedio"] < 45
    assert 980 < d["presion_atmosferica"] < 1050
    assert isinstance(d["humedad_relativa"], int)
    assert d["calidad_aire"] is not None
    assert d["descripcion_clima"]
    fuentes = {f["proveedor"]: f for f in d["fuentes"]}
    assert {p: f["estado"] for p, f in fuentes.items()} == dict.fromkeys(SEIS, "usada")
    assert all(f["valores"]["temperatura"] is not None for f in fuentes.values())
    assert fuentes["openmeteo"]["observado_en"].endswith("Z")
    assert fuentes["siata"]["estacion"]
    assert d["dispersion"]["temperatura"]["n"] == 6


def test_lo_simulado_se_dice_en_la_respuesta_y_en_cada_descarga(ana: Persona, ahora: dict[str, Any]) -> None:
    assert ahora["datos_clima"]["laboratorio"] is True
    assert all(f["laboratorio"] for f in ahora["datos_clima"]["fuentes"] if f["estado"] == "usada")
    for formato in ("json", "csv", "txt", "yaml"):
        assert "laboratorio" in ana.descargar(ahora, formato).text.lower()


def test_el_historico_se_descarga_en_los_cuatro_formatos(ana: Persona, mes: dict[str, Any]) -> None:
    tipos = {"json": "application/json", "csv": "text/csv", "txt": "text/plain", "yaml": "application/yaml"}
    textos = {}
    for formato, tipo in tipos.items():
        r = ana.descargar(mes, formato)
        assert r.status_code == 200
        assert r.headers["Content-Type"] == f"{tipo}; charset=utf-8"
        nombre = f"consulta_{mes['consulta']['id']}.{formato}"
        assert r.headers["Content-Disposition"] == f'attachment; filename="{nombre}"'
        repetida = ana.http.get(r.url, headers={"If-None-Match": r.headers["ETag"]}, timeout=60)
        assert repetida.status_code == 304
        textos[formato] = r.content.decode()
    serie = json.loads(textos["json"])["datos_clima"]["serie"]
    assert [f["fecha"] for f in serie] == [str(AYER - timedelta(days=29 - n)) for n in range(30)]
    assert all(f["temperatura_min"] <= f["temperatura"] <= f["temperatura_max"] for f in serie)
    assert yaml.safe_load(textos["yaml"])["datos_clima"]["serie"] == serie
    filas = list(csv.DictReader(io.StringIO(textos["csv"])))
    assert [float(f["temperatura"]) for f in filas] == [f["temperatura"] for f in serie]


def test_las_horas_de_tres_dias_son_setenta_y_dos(ana: Persona) -> None:
    dias = {"fecha_inicio": str(AYER - timedelta(days=2)), "fecha_fin": str(AYER)}
    sobre = ana.pedir("historico", latitud=0, longitud=0, resolucion="horaria", formato="csv", **dias)
    r = ana.http.get(ana.base + sobre["enlaces"]["descargar"], timeout=60)  # in the format asked for
    filas = list(csv.DictReader(io.StringIO(r.text)))
    assert len(filas) == 72
    assert filas[0]["instante"] == f"{dias['fecha_inicio']}T00:00:00Z"


def test_latitud_y_longitud_cero_llegan_hasta_la_descarga(ana: Persona) -> None:
    sobre = ana.pedir("tiempo-real", latitud=0, longitud=0, parametros=["temperatura"])
    assert (sobre["consulta"]["latitud"], sobre["consulta"]["longitud"]) == (0, 0)
    assert sobre["datos_clima"]["temperatura"]["promedio"] is not None
    assert sobre["datos_clima"]["humedad_relativa"] is None  # not asked for
    (fila,) = csv.DictReader(io.StringIO(ana.descargar(sobre, "csv").text))
    assert (fila["latitud"], fila["longitud"]) == ("0.0", "0.0")
    assert "humedad_relativa" not in fila


def test_una_ciudad_que_no_esta_en_el_nomenclator_la_busca_el_trabajador(ana: Persona) -> None:
    sobre = ana.pedir("tiempo-real", ciudad="Xyzzyx")
    assert (sobre["consulta"]["estado"], sobre["consulta"]["codigo_error"]) == ("error", "ciudad_desconocida")


def test_la_lista_las_trae_todas(ana: Persona, ahora: dict[str, Any], mes: dict[str, Any]) -> None:
    lista = ana.http.get(f"{ana.base}/api/consultas/mis-consultas?per_page=100", timeout=60).json()
    assert {ahora["consulta"]["id"], mes["consulta"]["id"]} <= {c["id"] for c in lista["consultas"]}


def test_un_timbre_perdido_no_pierde_la_consulta(lista: Pila, ana: Persona, servidor_redis: Redis) -> None:
    """The queue is emptied again and again while consultas come in; the sweep rings for them."""
    import redis

    with redis.Redis.from_url(servidor_redis.url.removesuffix("/0") + "/1") as cola:
        ids = []
        for _ in range(5):
            r = ana.http.post(f"{ana.base}/api/consultas/tiempo-real", json={"ciudad": "Cali"}, timeout=60)
            cola.flushdb()
            ids.append(r.json()["consulta"]["id"])

    def todas() -> bool:
        estados = [ana.http.get(f"{ana.base}/api/consultas/{i}", timeout=60).json()["consulta"] for i in ids]
        return all(c["estado"] == "completada" for c in estados)

    esperar(todas, "the sweep")


def test_si_matan_a_los_trabajadores_la_consulta_termina_igual(lista: Pila, ana: Persona) -> None:
    trabajadores = [p for p in lista.hijos() if "celery" in " ".join(p.cmdline()) and "worker" in p.cmdline()]
    assert len(trabajadores) == 2
    for p in trabajadores:
        p.kill()
    assert ana.pedir("tiempo-real", ciudad="Pasto")["consulta"]["estado"] == "completada"


def test_parar_a_los_trabajadores_con_sigterm_no_pierde_ni_repite_nada(lista: Pila, ana: Persona) -> None:
    """As `systemctl restart` does: what runs is finished, what waits is left for the next."""
    lugares = [{"latitud": round(5 + n / 50, 2), "longitud": -74, "max_edad_s": 0} for n in range(30)]
    ids = []
    for n, lugar in enumerate(lugares):
        r = ana.http.post(f"{ana.base}/api/consultas/tiempo-real", json=lugar, timeout=60)
        ids.append(r.json()["consulta"]["id"])
        if n == 15:
            for p in lista.hijos():
                if "celery" in " ".join(p.cmdline()) and "worker" in p.cmdline():
                    p.terminate()

    def leidas() -> list[dict[str, Any]]:
        return [ana.http.get(f"{ana.base}/api/consultas/{i}", timeout=60).json()["consulta"] for i in ids]

    esperar(lambda: all(c["estado"] == "completada" for c in leidas()), "all of them ending")
    assert {c["intentos"] for c in leidas()} == {1}  # nobody had to be rescued


def abiertos(datos: Path) -> list[str]:
    """What in the stack's folder others than its owner may read; registro.txt and notas.txt are of this test."""
    de_la_prueba = {"registro.txt", "notas.txt"}
    todos = [f for f in datos.rglob("*") if f.name not in de_la_prueba]
    return [str(f) for f in todos if f.lstat().st_mode & 0o077 and not f.is_symlink()]


def test_la_pila_incluida_arranca_con_solo_python_y_no_deja_nada(carpeta: Path, laboratorio: str) -> None:
    """SQLite, the embedded Valkey, Ctrl-C; data survives a restart, and the admin's password shows once.

    Nor does anything stay if the supervisor is killed, where the kernel can tie a child's life to its parent's.
    Its files are its owner's alone, though the folder can be read by all, and those of a version before become so.
    """
    datos = carpeta / "incluida"
    datos.mkdir(mode=0o755)
    with pila(datos, BCRYPT_ROUNDS="4", **variables(laboratorio)) as p:
        ana = Persona(p.base, "ana")
        sobre = ana.pedir("tiempo-real", ciudad="Medellín")
        assert sobre["consulta"]["estado"] == "completada"
        clave = p.texto().split("contraseña «")[1].split("»")[0]
        assert {f.name for f in datos.iterdir()} >= {"climaguru.db", "appendonlydir", "secretos.json"}
        assert abiertos(datos) == []
        procesos = p.hijos()
        assert len(procesos) >= 6
        assert p.parar() == 0
        assert not [h for h in procesos if h.is_running() and h.status() != psutil.STATUS_ZOMBIE]
    (datos / "notas.txt").touch()
    for fichero in (*datos.glob("*"), *datos.glob("appendonlydir/*")):
        fichero.chmod(0o755 if fichero.is_dir() else 0o644)
    with pila(datos, "--flower", str(puerto_libre()), BCRYPT_ROUNDS="4", **variables(laboratorio)) as p:
        assert p.texto().count("«admin», contraseña «") == 1
        assert abiertos(datos) == []
        assert (datos / "notas.txt").stat().st_mode & 0o777 == 0o644, "what is not ours"
        ana.base = p.base
        ana.entrar("admin", clave)
        assert ana.http.get(p.base + sobre["enlaces"]["self"], timeout=60).json()["datos_clima"]
        if sys.platform == "linux":
            procesos = p.hijos()
            assert len(procesos) >= 6
            p.parar(signal.SIGKILL)
            esperar(lambda: not any(h.is_running() for h in procesos), "the children ending")


def test_un_puerto_ocupado_se_dice_y_no_se_arranca_nada(lista: Pila, tmp_path: Path) -> None:
    puerto = lista.base.rsplit(":", 1)[1]
    orden = [sys.executable, "-m", "deploy.cli", "up", "--puerto", puerto, "--datos", str(tmp_path)]
    fin = subprocess.run(orden, capture_output=True, text=True, env=entorno_limpio(), timeout=60, check=False)
    assert fin.returncode == 1
    assert f"El puerto {puerto} ya está ocupado" in fin.stderr


@pytest.mark.parametrize("orden", [[], ["up"], ["demo"], ["crear-admin"], ["db"], ["db", "upgrade"], ["laboratorio"]])
def test_cada_orden_tiene_ayuda(orden: list[str]) -> None:
    fin = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *orden, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage" in fin.stdout


def test_sin_base_ni_cola_la_api_vive_y_responde_503_en_la_forma_de_siempre(tmp_path: Path) -> None:
    puerto = puerto_libre()
    muertos = {"DATABASE_URL": "mysql://u:clave-canaria@127.0.0.1:9/b", "REDIS_URL": "redis://127.0.0.1:9/0"}
    orden = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{puerto}", "api:create_app()"]
    base = f"http://127.0.0.1:{puerto}"
    with (tmp_path / "registro.txt").open("wb") as salida:
        entorno = entorno_limpio(FLASK_ENV="testing", **generar_secretos(), **muertos)
        api = subprocess.Popen(orden, env=entorno, stdout=salida, stderr=salida)
    try:
        esperar(lambda: requests.get(f"{base}/health", timeout=2).ok, "the API starting")
        r = requests.post(f"{base}/api/auth/login", json={"username": "ana", "password": "x"}, timeout=60)
        assert (r.status_code, r.headers["Content-Type"]) == (503, "application/problem+json")
        assert r.headers["Retry-After"]
        lista = requests.get(f"{base}/health/ready", timeout=60)
        assert lista.status_code == 503
        assert lista.json()["base_de_datos"] is lista.json()["redis"] is False
        assert "canaria" not in r.text + lista.text + (tmp_path / "registro.txt").read_text()
    finally:
        api.terminate()
        api.wait(20)


def test_el_paseo_con_curl_del_readme_funciona_tal_como_esta_impreso(lista: Pila, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    paseo = readme.split("<!-- paseo -->")[1].split("```bash\n")[1].split("```")[0]
    guion = "set -eu\n" + paseo.replace("http://127.0.0.1:5000", lista.base)
    fin = subprocess.run(["bash", "-c", guion], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert fin.returncode == 0, fin.stdout + fin.stderr
    assert "completada" in fin.stdout
    assert (tmp_path / "medellin.csv").read_text().startswith("consulta_id,")


def test_el_id_de_la_peticion_lleva_a_la_consulta_y_a_la_tarea(lista: Pila, ana: Persona) -> None:
    cuerpo = {"latitud": 6.21, "longitud": -75.57, "max_edad_s": 0}
    r = ana.http.post(
        f"{ana.base}/api/consultas/tiempo-real",
        json=cuerpo,
        headers={"X-Request-ID": "pedido-de-ana", "Prefer": "wait=20"},
        timeout=60,
    )
    assert (r.status_code, r.headers["X-Request-ID"]) == (200, "pedido-de-ana")
    consulta = f"consulta_id={r.json()['consulta']['id']}"

    def lineas() -> list[str]:
        return [linea for linea in lista.texto().splitlines() if "pedido-de-ana" in linea]

    esperar(lambda: any("consulta_completada" in linea for linea in lineas()), "the worker's line")
    (aceptada,) = [linea for linea in lineas() if "consulta_aceptada" in linea]
    assert aceptada.startswith("api")
    assert consulta in aceptada
    del_trabajador = [linea for linea in lineas() if linea.startswith("tiempo-real")]
    assert del_trabajador
    assert all(consulta in linea and "id_tarea=" in linea for linea in del_trabajador)
