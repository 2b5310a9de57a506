"""The client's commands, typed in real processes against a real API: what they print, and how they end."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from sqlalchemy import text

from deploy.cliente import Cliente, Rechazada, ajustes
from deploy.cliente.opciones import Servidor as Opciones
from shared.db import Sesiones
from tests.deploy.servicio import CLAVE, JWT, Servicio, Terminal
from tests.pila import entorno_limpio
from tests.servidores import puerto_libre

AHORA = ("tiempo-real", "--ciudad", "Medellín")
ENERO = ("historico", "--ciudad", "Bogotá", "--desde", "2026-01-01", "--hasta", "2026-01-31")
SIN_DISCO = "(ulimit -f 0;"  # what is started in these brackets cannot write one byte to a file


def test_sin_opciones_la_respuesta_se_lee(clima: Servicio, ana: Terminal) -> None:
    with clima.trabajando():
        r = ana.escribe(*AHORA)
    assert r.codigo == 0, r.quejas
    assert "Temperatura (°C)" in r.salida
    assert "SIMULADOS" in r.salida
    assert "openmeteo usada: " in r.salida
    assert "aceptada" in r.quejas


def test_el_archivo_es_la_descarga_y_su_nombre_dice_el_formato(clima: Servicio, ana: Terminal) -> None:
    with clima.trabajando():
        r = ana.escribe(*ENERO, "-o", "enero.csv")
    assert (r.codigo, r.salida) == (0, ""), r.quejas
    archivo = ana.casa / "enero.csv"
    lineas = archivo.read_text().splitlines()
    assert len(lineas) == 32
    assert lineas[1].startswith("2026-01-01,Bogotá,")
    assert f"({archivo.stat().st_size} bytes)" in r.quejas
    assert stat.S_IMODE(archivo.stat().st_mode) == 0o666 & ~_umask()
    assert sobras(ana.casa) == []


@pytest.mark.parametrize("opciones", [("-o", "-", "--formato", "yaml"), ("--formato", "yaml")])
def test_un_guion_o_solo_el_formato_descargan_a_la_salida(
    ana: Terminal, clima: Servicio, hecha: int, opciones: tuple[str, ...]
) -> None:
    r = ana.escribe("seguir", str(hecha), *opciones)
    assert r.codigo == 0, r.quejas
    with Cliente(clima.url, token=ana.token) as cliente:
        cliente.descargar(hecha, ana.casa / "x", "yaml")
    assert r.salida == (ana.casa / "x").read_text()


def test_con_json_la_salida_es_un_solo_json_y_el_archivo_tambien_se_escribe(ana: Terminal, hecha: int) -> None:
    r = ana.escribe("seguir", str(hecha), "--json", "-o", "x.txt")
    assert r.codigo == 0, r.quejas
    cuerpo = json.loads(r.salida)
    assert cuerpo["consulta"]["estado"] == "completada"
    assert cuerpo["datos_clima"]["temperatura"]["promedio"] is not None
    assert cuerpo["archivo"] == "x.txt"
    assert (ana.casa / "x.txt").read_text().startswith("ClimaGuru · consulta")


def test_sin_esperar_sale_solo_el_id_y_con_el_se_sigue(clima: Servicio, ana: Terminal) -> None:
    r = ana.escribe(*AHORA, "--no-esperar")
    assert (r.codigo, r.salida.strip().isdigit()) == (0, True)
    with clima.trabajando():
        assert ana.escribe("seguir", r.salida.strip()).codigo == 0


def test_las_listas_van_con_comas_o_repetidas(ana: Terminal) -> None:
    r = ana.escribe(
        *AHORA, "--parametros", "temperatura, viento", "--parametros", "presion", "--no-esperar", "--json",
        "--proveedores", "siata", "--proveedores", "openmeteo",
    )  # fmt: skip
    c = json.loads(r.salida)["consulta"]
    assert c["parametros_solicitados"] == ["temperatura", "viento", "presion"]
    assert c["proveedores_solicitados"] == ["siata", "openmeteo"]


def test_la_misma_clave_de_idempotencia_no_pide_otra(clima: Servicio, ana: Terminal) -> None:
    primera, segunda = (ana.escribe(*AHORA, "--no-esperar", "--idempotencia", "cron-7") for _ in range(2))
    assert primera.salida == segunda.salida


def test_se_dice_que_lugar_se_entendio(ana: Terminal) -> None:
    r = ana.escribe("tiempo-real", "--ciudad", "Barranquila", "--no-esperar")
    assert (r.codigo, r.salida.strip().isdigit()) == (0, True)
    assert "«Barranquila» se tomó por Barranquilla, Atlántico, CO." in r.quejas
    r = ana.escribe("tiempo-real", "--ciudad", "San José", "--no-esperar")
    assert "También se llaman así: San Jose, California, US" in r.quejas
    r = ana.escribe("tiempo-real", "--ciudad", "Córdoba", "--json")
    assert r.codigo == 2
    assert "Montería, Córdoba" in json.loads(r.salida)["quiso_decir"]


def test_termina_en_1_si_la_consulta_termina_en_error(clima: Servicio, ana: Terminal) -> None:
    with clima.trabajando():
        r = ana.escribe("tiempo-real", "--ciudad", "Ninguna Parte", "-o", "x.csv", "--json")
    assert r.codigo == 1
    assert json.loads(r.salida)["consulta"]["codigo_error"] == "ciudad_desconocida"
    assert "«Ninguna Parte»" in r.quejas
    assert not (ana.casa / "x.csv").exists()


def test_una_cancelada_termina_en_1_y_dice_como_repetirla(ana: Terminal) -> None:
    numero = ana.escribe(*AHORA, "--no-esperar").salida.strip()
    assert ana.escribe("cancelar", numero).codigo == 0
    r = ana.escribe("seguir", numero)
    assert r.codigo == 1
    assert f"climaguru reintentar {numero}" in r.quejas


def test_reintentar_la_pide_otra_vez_y_la_espera(clima: Servicio, ana: Terminal) -> None:
    numero = ana.escribe(*AHORA, "--no-esperar").salida.strip()
    ana.escribe("cancelar", numero)
    with clima.trabajando():
        assert ana.escribe("reintentar", numero).codigo == 0


@pytest.mark.parametrize(
    ("orden", "dice"),
    [
        (("tiempo-real",), "favorita por defecto"),
        (("tiempo-real", "--ciudad", "Córdoba"), "--ciudad 'Montería, Córdoba'"),
        (("tiempo-real", "--latitud", "4"), "--ciudad, o --latitud y --longitud"),
        ((*ENERO, "--desde", "ayer"), "--desde se escribe AAAA-MM-DD"),
        ((*ENERO, "--desde", "2027-13-01"), "--desde se escribe AAAA-MM-DD"),
        ((*ENERO, "--hasta", "2025-01-01"), "--hasta: Debe ser igual o posterior"),
        ((*AHORA, "--parametros", "temperatura,vineto"), "--parametros (1): Debe ser uno de"),
        ((*AHORA, "--max-edad", "-1"), "--max-edad: Debe estar entre"),
        ((*AHORA, "--idempotencia", "ñ"), "--idempotencia"),
        ((*AHORA, "--no-esperar", "-o", "x.csv"), "--no-esperar no descarga"),
        ((*AHORA, "--json", "-o", "-"), "quite uno"),
        (("seguir", "999999"), "No existe esa consulta"),
        ((*AHORA, "--url", "clima.ejemplo.co"), "--url: Se escribe como"),
        ((*AHORA, "--url", "https://ana:clave@clima.ejemplo.co"), "--url: Se escribe como"),
    ],
)
def test_termina_en_2_lo_mal_pedido_y_nombra_la_opcion(
    clima: Servicio, ana: Terminal, orden: tuple[str, ...], dice: str
) -> None:
    antes = clima.consultas()
    r = ana.escribe(*orden)
    assert r.codigo == 2, r.quejas
    assert dice in r.quejas
    assert "ana:clave" not in r.quejas
    assert clima.consultas() == antes


def test_los_rechazos_son_json_cuando_se_pide_json(ana: Terminal) -> None:
    r = ana.escribe(*ENERO, "--hasta", "2025-01-01", "--json")
    cuerpo = json.loads(r.salida)
    assert (r.codigo, cuerpo["salida"]) == (2, 2)
    assert list(cuerpo["errores"]) == ["fecha_fin"]


@pytest.mark.parametrize(
    ("ruta", "dice"),
    [
        ("no/hay/x.csv", "la carpeta no existe"),
        (".", "es una carpeta"),
        ("fichero/x.csv", "no es una carpeta"),
        ("x" * 300, "demasiado largo"),
    ],
)
def test_lo_que_no_se_podra_escribir_se_sabe_antes_de_pedir(
    clima: Servicio, ana: Terminal, ruta: str, dice: str
) -> None:
    (ana.casa / "fichero").touch()
    antes = clima.consultas()
    r = ana.escribe(*AHORA, "-o", ruta)
    assert r.codigo == 2
    assert dice in r.quejas
    assert clima.consultas() == antes


def test_un_disco_sin_sitio_se_sabe_antes_de_pedir(clima: Servicio, ana: Terminal) -> None:
    antes = clima.consultas()
    r = ana.en_el_shell(
        f"{SIN_DISCO} climaguru tiempo-real --ciudad Cali -o x.csv) 2>&1 | cat; exit ${{PIPESTATUS[0]}}"
    )
    assert r.codigo == 2
    assert "No se puede escribir x.csv" in r.salida
    assert clima.consultas() == antes
    assert sobras(ana.casa) == []


def test_un_disco_que_se_llena_deja_lo_que_habia_y_termina_en_6(ana: Terminal, hecha: int) -> None:
    (ana.casa / "x.csv").write_text("lo de ayer")
    r = ana.en_el_shell(f"ulimit -f 70; climaguru seguir {hecha} -o x.csv")
    assert r.codigo == 6, r.quejas
    assert "pasa del tamaño" in r.quejas
    assert f"climaguru seguir {hecha} -o x.csv" in r.quejas
    assert (ana.casa / "x.csv").read_text() == "lo de ayer"
    assert sobras(ana.casa) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_un_dispositivo_se_escribe_directamente(ana: Terminal, hecha: int) -> None:
    assert ana.escribe("seguir", str(hecha), "-o", "/dev/full").codigo == 6
    assert ana.escribe("seguir", str(hecha), "-o", "/dev/null").codigo == 0


def test_un_enlace_simbolico_sigue_siendolo(ana: Terminal, hecha: int) -> None:
    (ana.casa / "de verdad.csv").write_text("viejo")
    (ana.casa / "x.csv").symlink_to("de verdad.csv")
    assert ana.escribe("seguir", str(hecha), "-o", "x.csv").codigo == 0
    assert (ana.casa / "x.csv").is_symlink()
    assert (ana.casa / "de verdad.csv").read_text().startswith("instante,")


@pytest.mark.parametrize("opciones", ["-o -", "--json", ""])
def test_termina_en_141_y_sin_quejas_si_quien_lee_se_va(ana: Terminal, hecha: int, opciones: str) -> None:
    r = ana.en_el_shell(f"climaguru seguir {hecha} {opciones} | true; exit ${{PIPESTATUS[0]}}")
    assert r.codigo == 141
    assert [linea for linea in r.quejas.splitlines() if "SIMULADOS" not in linea] == []


def test_termina_en_3_si_nadie_responde(terminal: Terminal) -> None:
    r = terminal.escribe(*AHORA, "--url", f"http://127.0.0.1:{puerto_libre()}", "--token", "x", "--json")
    assert r.codigo == 3
    assert "No se llega a http://127.0.0.1" in json.loads(r.salida)["error"]


def test_termina_en_3_si_responde_otro(terminal: Terminal, laboratorio: str) -> None:
    r = terminal.escribe(*AHORA, "--url", laboratorio, "--token", "x")
    assert r.codigo == 3
    assert "no es la API de ClimaGuru" in r.quejas


def test_termina_en_4_sin_haber_entrado(clima: Servicio, terminal: Terminal) -> None:
    r = terminal.escribe(*AHORA, "--url", clima.url)
    assert r.codigo == 4
    assert "climaguru entrar" in r.quejas


@pytest.mark.parametrize("token", ["nada", "ñ", "a\nb"])
def test_un_token_que_no_sirve_no_se_repite(clima: Servicio, terminal: Terminal, token: str) -> None:
    r = terminal.escribe(*AHORA, "--url", clima.url, CLIMAGURU_TOKEN=token)
    assert r.codigo in (2, 4)
    assert token not in r.quejas.replace("no ", "").split()


def test_termina_en_4_si_el_rol_no_lo_permite(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url, "carla")
    r = terminal.escribe(*AHORA)
    assert r.codigo == 4
    assert "consultor" in r.quejas


def test_termina_en_5_si_vence_el_plazo_y_dice_como_seguir(ana: Terminal) -> None:
    r = ana.escribe(*AHORA, "--plazo", "0.3")
    assert r.codigo == 5
    assert "climaguru seguir " in r.quejas


def test_la_sesion_queda_en_un_fichero_que_solo_lee_su_dueno(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    assert stat.S_IMODE(terminal.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(terminal.config.parent.stat().st_mode) == 0o700
    assert CLAVE not in terminal.config.read_text()
    terminal.config.chmod(0o644)
    assert "chmod 600" in terminal.escribe("seguir", "999999").quejas
    terminal.entrar(clima.url)
    assert stat.S_IMODE(terminal.config.stat().st_mode) == 0o600
    assert os.listdir(terminal.config.parent) == ["config.toml"]


def test_con_mala_clave_no_se_entra(clima: Servicio, terminal: Terminal) -> None:
    r = terminal.escribe("entrar", "--url", clima.url, "--usuario", "ana", "--clave-stdin", teclas="mala\n")
    assert r.codigo == 4
    assert r.quejas == "Error: Usuario o contraseña incorrectos.\n"
    assert not terminal.config.exists()


def test_salir_cierra_la_sesion_tambien_en_el_servidor(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    token = terminal.token
    assert terminal.escribe("salir").codigo == 0
    assert terminal.escribe(*AHORA).codigo == 4
    assert terminal.escribe(*AHORA, CLIMAGURU_TOKEN=token).codigo == 4


def test_unos_tokens_vencidos_se_renuevan_y_se_guardan(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    vieja = _vencer(terminal)
    assert terminal.escribe(*AHORA, "--no-esperar").codigo == 0
    nueva = _sesion(terminal)
    assert [campo for campo in vieja if vieja[campo] != nueva[campo]] == ["access_token", "refresh_token"]
    assert stat.S_IMODE(terminal.config.stat().st_mode) == 0o600


def test_sin_poder_guardarlos_los_tokens_renovados_sirven_igual_y_se_avisa(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    vieja = _vencer(terminal)
    r = terminal.en_el_shell(
        f"{SIN_DISCO} climaguru tiempo-real --ciudad Cali --no-esperar) 2>&1 | cat; exit ${{PIPESTATUS[0]}}"
    )
    assert r.codigo == 0
    assert "No se puede escribir" in r.salida
    assert "pedirá entrar otra vez" in r.salida
    assert _sesion(terminal) == vieja


def test_ordenes_a_la_vez_con_la_sesion_vencida_no_se_la_cierran(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    for _ in range(2):  # what the first round left in the file is good for the second
        _vencer(terminal)
        a_la_vez = [terminal.empieza(*AHORA, "--no-esperar") for _ in range(5)]
        assert [(r.codigo, r.quejas) for r in (una.fin() for una in a_la_vez)] == [(0, "")] * 5
        _pasa_un_minuto(clima)
    assert os.listdir(terminal.config.parent) == ["config.toml"]


def test_quien_tarda_mas_que_su_token_toma_el_que_otra_orden_renovo(
    clima: Servicio, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its refresh token was changed twice, long ago: sent again, it would end the session of all."""
    terminal.entrar(clima.url)
    _vencer(terminal)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(terminal.config.parent.parent))
    with Opciones(clima.url, None).abrir() as larga:
        for _ in range(2):
            _vencer(terminal)
            assert terminal.escribe("seguir", "999999").codigo == 2
            _pasa_un_minuto(clima)
        with pytest.raises(Rechazada, match="No existe"):
            larga.leer(999_999)
        _vencer(terminal)  # and where what the other left has expired too
        larga._conexion.tokens.acceso = "vencido"
        with pytest.raises(Rechazada, match="No existe"):
            larga.leer(999_999)
    assert terminal.escribe("seguir", "999999").codigo == 2


def test_una_sesion_terminada_del_todo_termina_en_4(clima: Servicio, terminal: Terminal) -> None:
    terminal.entrar(clima.url)
    with Cliente(clima.url, token=terminal.token) as cliente:
        cliente.salir()
    r = terminal.escribe(*AHORA)
    assert r.codigo == 4
    assert "climaguru entrar" in r.quejas


def test_las_sesiones_de_varios_servidores_que_se_guardan_a_la_vez_quedan_todas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    urls = [f"https://clima{n}.ejemplo.co" for n in range(8)]
    with ThreadPoolExecutor(8) as hilos:
        list(hilos.map(lambda url: ajustes.recordar(url, ajustes.Guardada("ana", "a", "r0")), urls * 3))
    assert set(ajustes.leer().sesiones) == set(urls)
    esta = urls[0]
    una, otra = (ajustes.Compartida(esta, ajustes.leer().sesiones[esta]) for _ in range(2))
    una.guardar("a1", "r1")
    otra.guardar("a2", "r1")  # the same successor, heard later
    assert ajustes.leer().sesiones[esta] == ajustes.Guardada("ana", "a1", "r1")
    assert otra.de_otro() == ajustes.Guardada("ana", "a1", "r1")
    assert otra.de_otro() is None
    ajustes.recordar(esta, ajustes.Guardada("beto", "b", "r"))
    assert una.de_otro() is None
    ajustes.olvidar(esta)
    una.guardar("a3", "r3")
    assert esta not in ajustes.leer().sesiones


def test_una_sesion_no_se_manda_a_otro_servidor(ana: Terminal) -> None:
    r = ana.escribe(*AHORA, "--url", f"http://127.0.0.1:{puerto_libre()}")
    assert r.codigo == 4  # and not 3: it was not even called


def test_manda_la_opcion_luego_el_entorno_luego_el_fichero(clima: Servicio, ana: Terminal) -> None:
    nadie, otro = (f"http://127.0.0.1:{puerto_libre()}" for _ in range(2))
    assert ana.escribe("seguir", "999999").codigo == 2  # the file
    assert nadie in ana.escribe("seguir", "1", CLIMAGURU_URL=nadie).quejas
    assert otro in ana.escribe("seguir", "1", "--url", otro, CLIMAGURU_URL=nadie).quejas
    assert ana.escribe("seguir", "999999", CLIMAGURU_TOKEN="nada").codigo == 4
    assert ana.escribe("seguir", "999999", "--token", ana.token, CLIMAGURU_TOKEN="nada").codigo == 2


def test_ni_proxy_ni_netrc_se_ponen_en_medio(clima: Servicio, ana: Terminal) -> None:
    (ana.casa / ".netrc").write_text("machine 127.0.0.1 login otra password otra\n")
    (ana.casa / ".netrc").chmod(0o600)
    proxy = f"http://127.0.0.1:{puerto_libre()}"
    assert ana.escribe(*AHORA, "--no-esperar", HTTP_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy).codigo == 0


@pytest.mark.parametrize("texto", ["url = ", "url = 5", "[sesiones]\nx = 3", "\xff"])
def test_un_fichero_de_ajustes_roto_se_dice(terminal: Terminal, texto: str) -> None:
    terminal.config.parent.mkdir(parents=True)
    terminal.config.write_bytes(texto.encode("latin-1"))
    r = terminal.escribe(*AHORA)
    assert r.codigo == 2
    assert "config.toml" in r.quejas


def test_quien_pide_el_tiempo_no_carga_el_servidor(terminal: Terminal) -> None:
    programa = (
        "import sys\nfrom deploy.cli import main\n"
        "for n in ('tiempo-real', 'historico', 'seguir', 'entrar'): main.get_command(None, n)\n"
        "print([m for m in ('sqlalchemy', 'flask', 'celery', 'pydantic', 'api', 'worker') if m in sys.modules])"
    )
    orden = [sys.executable, "-c", programa]
    fin = subprocess.run(orden, env=entorno_limpio(), capture_output=True, text=True, check=True)
    assert fin.stdout.strip() == "[]"


def sobras(carpeta: Path) -> list[str]:
    return [f.name for f in carpeta.iterdir() if f.name.endswith(".parcial")]


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _sesion(terminal: Terminal) -> dict[str, str]:
    (sesion,) = tomllib.loads(terminal.config.read_text())["sesiones"].values()
    return dict(sesion)


def _vencer(terminal: Terminal) -> dict[str, str]:
    """Put in the terminal's file the access token it would hold an hour later; the session as it stands then."""
    dicho = jwt.decode(terminal.token, JWT, algorithms=["HS256"], options={"verify_exp": False})
    dicho["exp"] = int(datetime.now(UTC).timestamp()) - 10
    vencido = jwt.encode(dicho, JWT, algorithm="HS256")
    terminal.config.write_text(terminal.config.read_text().replace(terminal.token, vencido))
    return _sesion(terminal)


def _pasa_un_minuto(clima: Servicio) -> None:
    """For the server: what was changed away for new tokens is not good any more."""
    with Sesiones(clima.motor).transaccion() as s:
        s.execute(text("UPDATE sesiones SET usada_en = usada_en - INTERVAL 1 MINUTE"))
