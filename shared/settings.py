"""Every setting, typed, from the environment. Nothing else in the project reads the environment.

A setting has a default only if it is right in production and harmless in public; a secret never has one.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode
from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Literal, NoReturn
from urllib.parse import quote_plus, urlsplit

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRETOS = ("SECRET_KEY", "JWT_SECRET_KEY", "ENCRYPTION_KEY")
LARGO_MINIMO = 32  # bytes; RFC 7518 section 3.2 for HS256
DIAS_MAXIMOS = 36_500
ORIGEN = re.compile(r"https?://[a-zA-Z0-9.-]+(:[0-9]{1,5})?")
REDES_PROPIAS = ("127.0.0.0/8", "::1/128", "100.64.0.0/10", "fd7a:115c:a1e0::/48")  # this machine and Tailscale's VPN
PALABRAS_DE_EJEMPLO = ("change", "cambi", "example", "ejemplo", "default", "secret", "password", "clave")


def _sin_barra(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("debe empezar por http:// o https://")
    return url.rstrip("/")


def _origenes(lista: list[str]) -> list[str]:
    """Exact origins, or "*" by itself: Flask-CORS would read anything else as a regular expression."""
    for origen in lista:
        if lista != ["*"] and not ORIGEN.fullmatch(origen):
            raise ValueError("cada origen es https://servidor o https://servidor:puerto, sin barra final; «*» va solo")
    return lista


Url = Annotated[str, AfterValidator(_sin_barra)]
Vacio = SecretStr("")


class Settings(BaseSettings):
    """Field names in upper case are the environment variables. Durations in seconds."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    flask_env: Literal["production", "development", "testing"] = "production"
    secret_key: SecretStr = Vacio
    jwt_secret_key: SecretStr = Vacio
    encryption_key: SecretStr = Vacio

    database_url: SecretStr = Vacio
    db_host: str = ""
    db_port: int = 3306
    db_name: str = "climaguru"
    db_user: str = "climaguru_user"
    db_password: SecretStr = Vacio
    db_pool_size: int = Field(10, ge=1)
    db_pool_recycle: int = Field(3600, ge=1)
    redis_url: SecretStr = Vacio

    jwt_access_token_expires: int = Field(3600, ge=1)
    jwt_refresh_token_expires: int = Field(86400, ge=1)
    bcrypt_rounds: int = Field(12, ge=4, le=16)
    registro_abierto: bool = True
    journal_stream: str = ""
    cors_origins: Annotated[list[str], NoDecode, AfterValidator(_origenes)] = []
    proxies_de_confianza: int = Field(0, ge=0)
    redes_propias: Annotated[list[IPvAnyNetwork], NoDecode] = [ip_network(r) for r in REDES_PROPIAS]
    limite_login: str = "60/minute"
    limite_login_cuenta: str = "10/minute;50/hour"
    limite_login_total: str = "100/hour"
    limite_registro: str = "100/hour"
    limite_api: str = "1200/minute"
    esperas_por_usuario: int = Field(32, ge=1)
    esperas_por_proceso: int = Field(120, ge=1)
    max_activas: int = Field(500, ge=1)
    cron_minimo_s: int = Field(900, ge=60)
    ejecuciones_por_dia: int = Field(500, ge=1)
    max_pendientes: int = Field(20_000, ge=1)
    parte_por_usuario: float = Field(0.5, gt=0, le=1)
    avisos_url: SecretStr = Vacio
    avisos_hosts: Annotated[list[str], NoDecode] = ["hc-ping.com"]

    # days; 0: never. By default nothing that somebody can see is deleted: a full disk can be repaired
    retencion_consultas_dias: int = Field(0, ge=0, le=DIAS_MAXIMOS)
    retencion_series_dias: int = Field(0, ge=0, le=DIAS_MAXIMOS)
    retencion_respuestas_dias: int = Field(30, ge=0, le=DIAS_MAXIMOS)
    retencion_lotes_dias: int = Field(0, ge=0, le=DIAS_MAXIMOS)
    retencion_ejecuciones_dias: int = Field(0, ge=0, le=DIAS_MAXIMOS)
    retencion_pasado_dias: int = Field(365, ge=0, le=DIAS_MAXIMOS)
    retencion_logs_dias: int = Field(0, ge=0, le=DIAS_MAXIMOS)
    retencion_database_url: SecretStr = Vacio

    openweather_api_key: SecretStr = Vacio
    meteoblue_api_key: SecretStr = Vacio
    meteoblue_api_secret: SecretStr = Vacio
    meteosource_api_key: SecretStr = Vacio
    meteosource_plan: Literal["free", "startup", "standard", "flexi"] = "free"
    ideam_app_token: SecretStr = Vacio
    openweather_url: Url = "https://api.openweathermap.org"
    openmeteo_url: Url = "https://api.open-meteo.com"
    openmeteo_presupuesto: str = "600/minute;5000/hour;10000/day"
    openmeteo_archive_url: Url = "https://archive-api.open-meteo.com"
    openmeteo_air_url: Url = "https://air-quality-api.open-meteo.com"
    openmeteo_geocoding_url: Url = "https://geocoding-api.open-meteo.com"
    meteoblue_url: Url = "https://my.meteoblue.com"
    meteosource_url: Url = "https://www.meteosource.com"
    ideam_url: Url = "https://www.datos.gov.co"
    siata_url: Url = "https://siata.gov.co"
    siata_ca_bundle: str = ""

    prometheus_multiproc_dir: str = ""
    metricas_escucha: str = Field("", pattern=r"^([A-Za-z0-9.-]+:[0-9]{1,5})?$")

    plazo_tiempo_real_s: float = Field(20, gt=0, le=25)
    plazo_tramo_s: float = Field(35, gt=0, le=40)
    espera_conexion_s: float = Field(4, gt=0)
    espera_lectura_s: float = Field(8, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _listas(cls, datos: dict[str, object]) -> dict[str, object]:
        for nombre in ("cors_origins", "avisos_hosts", "redes_propias"):
            if isinstance(valor := datos.get(nombre), str):
                datos[nombre] = [parte.strip() for parte in valor.split(",") if parte.strip()]
        return datos

    @cached_property
    def url_base_de_datos(self) -> str:
        """DATABASE_URL, or the DB_* parts joined; MySQL always through PyMySQL in utf8mb4."""
        url = self.database_url.get_secret_value()
        if not url:
            clave = quote_plus(self.db_password.get_secret_value())
            url = f"mysql://{quote_plus(self.db_user)}:{clave}@{self.db_host}:{self.db_port}/{self.db_name}"
        return _por_pymysql(url)

    @cached_property
    def url_retencion(self) -> str:
        """RETENCION_DATABASE_URL in the same way; empty: the application's own user deletes the activity too."""
        return _por_pymysql(self.retencion_database_url.get_secret_value())

    @cached_property
    def url_redis(self) -> str:
        """REDIS_URL as redis-py reads it; a socket may be given as unix:// or, as Celery spells it, redis+socket://."""
        return self.redis_url.get_secret_value().replace("redis+socket://", "unix://", 1)

    @cached_property
    def url_broker(self) -> str:
        """REDIS_URL as Celery reads it."""
        return self.url_redis.replace("unix://", "redis+socket://", 1)

    @cached_property
    def url_limites(self) -> str:
        """REDIS_URL as Flask-Limiter reads it."""
        return self.url_redis.replace("unix://", "redis+unix://", 1)

    def tiene_clave(self, proveedor: str) -> bool:
        """Does the installation have a key of its own for this provider?"""
        return bool(self.claves_de_proveedores.get(proveedor))

    @cached_property
    def claves_de_proveedores(self) -> dict[str, str]:
        """The installation's keys by provider; empty where there is none."""
        return {
            "openweather": self.openweather_api_key.get_secret_value(),
            "meteoblue": self.meteoblue_api_key.get_secret_value(),
            "meteosource": self.meteosource_api_key.get_secret_value(),
            "ideam": self.ideam_app_token.get_secret_value(),
        }

    def problemas(self) -> list[str]:
        """One sentence per setting that stops the start, naming the variable; empty when all is well."""
        faltas = [f for f in (self._falta_secreto(n) for n in SECRETOS) if f]
        if not self.database_url.get_secret_value() and not self.db_host:
            faltas.append("DATABASE_URL falta: defínala (mysql://usuario:clave@servidor/base) o use DB_HOST, DB_USER…")
        if not self.redis_url.get_secret_value():
            faltas.append("REDIS_URL falta: defínala, por ejemplo redis://127.0.0.1:6379/0.")
        if aviso := self.avisos_url.get_secret_value():
            partes = urlsplit(aviso)
            if partes.scheme not in ("http", "https") or partes.hostname not in self.avisos_hosts:
                faltas.append("AVISOS_URL no es https:// de un servidor de AVISOS_HOSTS: corrija una o la otra.")
        if self.url_retencion and not self.url_retencion.startswith("mysql+"):
            faltas.append("RETENCION_DATABASE_URL no se entiende: escríbala como mysql://usuario:clave@servidor/base.")
        if self.flask_env == "production" and self.url_base_de_datos.startswith("sqlite"):
            faltas.append("DATABASE_URL apunta a SQLite, que no sirve en producción: use MySQL o MariaDB.")
        return faltas

    def _falta_secreto(self, nombre: str) -> str | None:
        valor = getattr(self, nombre.lower()).get_secret_value()
        if not valor:
            return f"{nombre} falta: genere una con «climaguru generar-secretos»."
        if self.flask_env == "production" and any(p in valor.lower() for p in PALABRAS_DE_EJEMPLO):
            return f"{nombre} parece un valor de ejemplo: genere una con «climaguru generar-secretos»."
        if nombre == "ENCRYPTION_KEY":
            return (
                None if _es_fernet(valor) else f"{nombre} está mal formada: debe ser una clave Fernet de 44 caracteres."
            )
        if len(valor.encode()) < LARGO_MINIMO:
            return f"{nombre} es demasiado corta: necesita al menos {LARGO_MINIMO} bytes."
        if self.flask_env == "production" and len(set(valor)) < 10:
            return f"{nombre} se repite demasiado: genere una con «climaguru generar-secretos»."
        return None


def cargar() -> Settings:
    """The settings of this process; ends it with one sentence per problem if it must not start."""
    try:
        settings = Settings()
    except ValidationError as e:
        _detener([f"{str(f['loc'][0]).upper() if f['loc'] else 'AJUSTES'}: {f['msg']}." for f in e.errors()])
    problemas = settings.problemas()
    if problemas:
        _detener(problemas)
    return settings


def entorno(**extra: str) -> dict[str, str]:
    """The environment for a child process: this one's, with `extra` on top."""
    return {**os.environ, **extra}


def _detener(problemas: list[str]) -> NoReturn:
    raise SystemExit("ClimaGuru no puede arrancar:\n" + "\n".join(f"  - {p}" for p in problemas))


def _por_pymysql(url: str) -> str:
    if url.startswith(("mysql://", "mariadb://")):
        url = "mysql+pymysql://" + url.split("://", 1)[1]
    if url.startswith("mysql+pymysql://") and "charset=" not in url:
        url += ("&" if "?" in url else "?") + "charset=utf8mb4"
    return url


def _es_fernet(clave: str) -> bool:
    """Fernet keys are 32 bytes in URL-safe base64; several, separated by commas, while keys are rotated."""
    try:
        return all(len(urlsafe_b64decode(parte.strip())) == 32 for parte in clave.split(","))
    except ValueError:
        return False
