from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from shared.settings import SECRETOS, Settings, cargar

EJEMPLO = Path(__file__).parents[2] / "deploy" / "env.example"
BUENOS = {
    "FLASK_ENV": "production",
    "SECRET_KEY": "k3J9xQ2mV7pL0wZ8rT5yB1nC4dF6gH_a",
    "JWT_SECRET_KEY": "a_Hg6Fd4Cn1By5Tr8Zw0Lp7Vm2Qx9J3k",
    "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "DATABASE_URL": "mysql://u:c@h/b",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


@pytest.fixture
def entorno(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for nombre in Settings.model_fields:
        monkeypatch.delenv(nombre.upper(), raising=False)
    for nombre, valor in BUENOS.items():
        monkeypatch.setenv(nombre, valor)
    return monkeypatch


def test_con_buenos_secretos_arranca(entorno: pytest.MonkeyPatch) -> None:
    assert cargar().flask_env == "production"


@pytest.mark.parametrize("nombre", SECRETOS)
@pytest.mark.parametrize("malo", ["", "breve", "change-me-change-me-change-me-change-me", "x" * 5])
def test_en_produccion_un_mal_secreto_no_deja_arrancar(entorno: pytest.MonkeyPatch, nombre: str, malo: str) -> None:
    entorno.setenv(nombre, malo)
    with pytest.raises(SystemExit, match=nombre) as e:
        cargar()
    assert not malo or malo not in str(e.value)


def test_una_clave_repetida_no_sirve_en_produccion(entorno: pytest.MonkeyPatch) -> None:
    entorno.setenv("SECRET_KEY", "a" * 40)
    with pytest.raises(SystemExit, match="SECRET_KEY"):
        cargar()


@pytest.mark.parametrize(
    ("nombre", "malo"),
    [
        ("FLASK_ENV", "produccion"),
        ("DB_PORT", "abc"),
        ("OPENMETEO_URL", "api.open-meteo.com"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("REDIS_URL", ""),
        ("RETENCION_DATABASE_URL", "sqlite:///x.db"),
        ("RETENCION_DATABASE_URL", "climaguru_retencion"),
        ("BCRYPT_ROUNDS", "3"),
        ("CORS_ORIGINS", "*,https://a.co"),
        ("CORS_ORIGINS", "https://*.a.co"),
        ("CORS_ORIGINS", "https://a.co/"),
        ("CORS_ORIGINS", "a.co"),
        ("CORS_ORIGINS", "null"),
        ("AVISOS_URL", "https://otro.ejemplo.co/0f4c"),
        ("AVISOS_URL", "https://hc-ping.com.ejemplo.co/0f4c"),
        ("AVISOS_URL", "https://hc-ping.com@ejemplo.co/0f4c"),
        ("AVISOS_URL", "ftp://hc-ping.com/0f4c"),
        ("REDES_PROPIAS", "10.0.0.0/33"),
        ("REDES_PROPIAS", "la oficina"),
    ],
)
def test_un_ajuste_malo_se_nombra(entorno: pytest.MonkeyPatch, nombre: str, malo: str) -> None:
    entorno.setenv(nombre, malo)
    with pytest.raises(SystemExit, match=nombre):
        cargar()


def test_los_avisos_van_solo_a_los_servidores_que_ops_nombra(entorno: pytest.MonkeyPatch) -> None:
    entorno.setenv("AVISOS_URL", "https://hc-ping.com/0f4c")
    assert "0f4c" not in repr(cargar())
    entorno.setenv("AVISOS_HOSTS", "avisos.ejemplo.co, otro.ejemplo.co")
    with pytest.raises(SystemExit, match="AVISOS_URL") as e:
        cargar()
    assert "0f4c" not in str(e.value)
    entorno.setenv("AVISOS_URL", "https://otro.ejemplo.co/0f4c")
    assert cargar().avisos_hosts == ["avisos.ejemplo.co", "otro.ejemplo.co"]


def test_todos_los_problemas_se_dicen_a_la_vez(entorno: pytest.MonkeyPatch) -> None:
    for nombre in SECRETOS:
        entorno.delenv(nombre)
    with pytest.raises(SystemExit) as e:
        cargar()
    assert all(nombre in str(e.value) for nombre in SECRETOS)


def test_las_partes_de_la_base_forman_la_url(entorno: pytest.MonkeyPatch) -> None:
    entorno.delenv("DATABASE_URL")
    for nombre, valor in {"DB_HOST": "vm2", "DB_PASSWORD": "c@:/ñ", "DB_USER": "u"}.items():
        entorno.setenv(nombre, valor)
    url = cargar().url_base_de_datos
    assert url == "mysql+pymysql://u:c%40%3A%2F%C3%B1@vm2:3306/climaguru?charset=utf8mb4"


def test_los_secretos_no_se_imprimen(entorno: pytest.MonkeyPatch) -> None:
    texto = repr(cargar()) + str(cargar())
    assert not any(BUENOS[nombre] in texto for nombre in SECRETOS)


def test_las_redes_propias_se_separan_con_comas(entorno: pytest.MonkeyPatch) -> None:
    assert ip_address("127.0.0.1") in cargar().redes_propias[0]
    entorno.setenv("REDES_PROPIAS", "10.8.0.0/16, fd00::/8")
    assert [str(r) for r in cargar().redes_propias] == ["10.8.0.0/16", "fd00::/8"]


def test_los_origenes_se_separan_con_comas(entorno: pytest.MonkeyPatch) -> None:
    entorno.setenv("CORS_ORIGINS", "https://a.co, https://b.co")
    assert cargar().cors_origins == ["https://a.co", "https://b.co"]
    entorno.setenv("CORS_ORIGINS", "*")
    assert cargar().cors_origins == ["*"]


def test_el_ejemplo_trae_cada_ajuste_con_su_valor_por_defecto() -> None:
    escritos = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", EJEMPLO.read_text(), re.MULTILINE))
    assert set(escritos) == {nombre.upper() for nombre in Settings.model_fields}
    for nombre, campo in Settings.model_fields.items():
        defecto = campo.default
        if escritos[nombre.upper()] and isinstance(defecto, str | int | float):
            assert escritos[nombre.upper()] == str(defecto).lower().removesuffix(".0") or escritos[
                nombre.upper()
            ] == str(defecto)
