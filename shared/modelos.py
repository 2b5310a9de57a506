"""The tables. Names and types are the customer's; what ClimaGuru added stands under "added" in each class."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DECIMAL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.clima import Formato, Periodo, Resolucion, TipoConsulta
from shared.db import INTERCALACION, InstanteUtc, ahora

SIN_HOY = (
    "El {} aún no terminaba en ese lugar cuando se pidió, y la serie llega hasta el {}. "
    "Pida ese día en otra consulta cuando termine, o lo que lleva de él con resolución horaria."
)


class Rol(StrEnum):
    ADMIN = "admin"
    OPERARIO = "operario"
    CONSULTOR = "consultor"


class Estado(StrEnum):
    """Where a consulta stands. TRANSICIONES lists every legal change; shared/consultas.py makes them."""

    PENDIENTE = "pendiente"
    PROCESANDO = "procesando"
    COMPLETADA = "completada"
    ERROR = "error"

    @property
    def final(self) -> bool:
        return self in (Estado.COMPLETADA, Estado.ERROR)


TRANSICIONES = {
    (Estado.PENDIENTE, Estado.PROCESANDO),  # a worker took it
    (Estado.PENDIENTE, Estado.ERROR),  # cancelled, or out of time before anyone took it
    (Estado.PROCESANDO, Estado.COMPLETADA),
    (Estado.PROCESANDO, Estado.PENDIENTE),  # to be tried again, or rescued from a lost worker
    (Estado.PROCESANDO, Estado.ERROR),
    (Estado.PROCESANDO, Estado.PROCESANDO),  # progress, lease extended
    (Estado.ERROR, Estado.PENDIENTE),  # reintentar
    (Estado.COMPLETADA, Estado.PENDIENTE),  # reintentar of a partial answer
}


class EstadoPrueba(StrEnum):
    """What is known of a user's key since it was last checked against its provider."""

    PENDIENTE = "pendiente"
    VALIDA = "valida"
    RECHAZADA = "rechazada"
    SIN_RESPUESTA = "sin_respuesta"  # the provider could not be asked: nothing is known of the key


class CodigoError(StrEnum):
    CIUDAD_DESCONOCIDA = "ciudad_desconocida"
    SIN_PROVEEDORES = "sin_proveedores"
    PROVEEDORES_FALLARON = "proveedores_fallaron"
    CUOTA_AGOTADA = "cuota_agotada"
    CANCELADA = "cancelada"
    TIEMPO_AGOTADO = "tiempo_agotado"
    INTERNO = "interno"


def _enum(tipo: type[StrEnum]) -> Enum:
    return Enum(tipo, values_callable=lambda t: [m.value for m in t])


def _plegable(largo: int) -> String:
    return String(largo, collation=INTERCALACION)


GRANDE = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


class Base(DeclarativeBase):
    __table_args__: Any = {
        "mysql_engine": "InnoDB",
        "mysql_charset": "utf8mb4",
        "mysql_collate": INTERCALACION,
    }


class Usuario(Base):
    __tablename__ = "usuarios"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(_plegable(50), unique=True)
    email: Mapped[str] = mapped_column(_plegable(100), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    nombre_completo: Mapped[str | None] = mapped_column(String(100))
    rol: Mapped[Rol] = mapped_column(_enum(Rol), default=Rol.OPERARIO, server_default="operario", index=True)
    activo: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    ultimo_login: Mapped[datetime | None] = mapped_column(InstanteUtc)
    creado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    actualizado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), onupdate=ahora())
    # added: tokens issued before this instant are dead (password change, deactivation)
    tokens_desde: Mapped[datetime | None] = mapped_column(InstanteUtc)


class Sesion(Base):
    """Added. What a login began; every token carries its id. One that ended is no row: see shared/sesiones.py.

    id: random, for one that is used again would revive old tokens. usada_en, ip_address, user_agent: of the last
    refresh, or else of the login. expira_en: when its refresh token does. jti_refresco: of the only refresh token that
    is good; jti_anterior: of the one before it, None until the first refresh.
    """

    __tablename__ = "sesiones"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"), index=True)
    creada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    usada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    expira_en: Mapped[datetime] = mapped_column(InstanteUtc, index=True)
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    jti_refresco: Mapped[str] = mapped_column(String(36))
    jti_anterior: Mapped[str | None] = mapped_column(String(36))


# The log-outs of the release before sesiones. Nobody here reads it: that release does until it has been replaced, and
# after it was gone back to (deploy/RUNBOOK.md). The first migration of a later release drops it.
Table(
    "tokens_revocados",
    Base.metadata,
    Column("jti", String(36), primary_key=True),
    Column("expira_en", InstanteUtc, nullable=False, index=True),
)


class ApiKey(Base):
    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"))
    proveedor: Mapped[str] = mapped_column(String(50), index=True)
    api_key_encrypted: Mapped[str] = mapped_column(Text)
    api_secret_encrypted: Mapped[str | None] = mapped_column(Text)
    descripcion: Mapped[str | None] = mapped_column(String(255))
    activa: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true(), index=True)
    limite_consultas_diarias: Mapped[int] = mapped_column(Integer, default=1000, server_default="1000")
    consultas_realizadas: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    ultimo_uso: Mapped[datetime | None] = mapped_column(InstanteUtc)
    creada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    actualizada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), onupdate=ahora())
    # added: the UTC day that consultas_realizadas counts; when the provider refused the key
    dia_cuota: Mapped[date | None] = mapped_column(Date)
    rechazada_en: Mapped[datetime | None] = mapped_column(InstanteUtc)
    # added: the key's last four characters; the last check of it, numbered so that an older one cannot answer for it
    ultimos: Mapped[str | None] = mapped_column(String(4))
    prueba: Mapped[EstadoPrueba | None] = mapped_column(_enum(EstadoPrueba))
    prueba_detalle: Mapped[str | None] = mapped_column(String(255))
    prueba_numero: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    prueba_tocar_en: Mapped[datetime | None] = mapped_column(InstanteUtc, index=True)  # None unless pendiente
    probada_en: Mapped[datetime | None] = mapped_column(InstanteUtc)
    __table_args__ = (
        UniqueConstraint("usuario_id", "proveedor", name="uq_api_keys_usuario_proveedor"),
        Base.__table_args__,
    )


class Consulta(Base):
    __tablename__ = "consultas"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"))
    tipo_consulta: Mapped[TipoConsulta] = mapped_column(_enum(TipoConsulta), index=True)
    ciudad: Mapped[str | None] = mapped_column(_plegable(100), index=True)
    latitud: Mapped[Decimal | None] = mapped_column(DECIMAL(10, 8))
    longitud: Mapped[Decimal | None] = mapped_column(DECIMAL(11, 8))
    fecha_inicio: Mapped[date | None] = mapped_column(Date)
    fecha_fin: Mapped[date | None] = mapped_column(Date)
    formato_salida: Mapped[Formato] = mapped_column(_enum(Formato), default=Formato.JSON, server_default="json")
    parametros_solicitados: Mapped[list[str]] = mapped_column(JSON)
    respuesta_api: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    estado: Mapped[Estado] = mapped_column(_enum(Estado), default=Estado.PENDIENTE, server_default="pendiente")
    mensaje_error: Mapped[str | None] = mapped_column(Text)
    tiempo_respuesta_ms: Mapped[int | None] = mapped_column(Integer)
    ip_origen: Mapped[str | None] = mapped_column(String(45))
    id_peticion: Mapped[str | None] = mapped_column(String(64))  # added: the request that asked; for the logs
    creada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), index=True)
    completada_en: Mapped[datetime | None] = mapped_column(InstanteUtc)
    # added: what was asked
    proveedores_solicitados: Mapped[list[str] | None] = mapped_column(JSON)
    resolucion: Mapped[Resolucion | None] = mapped_column(_enum(Resolucion))
    max_edad_s: Mapped[int | None] = mapped_column(Integer)
    zona_horaria: Mapped[str | None] = mapped_column(String(64))
    # added: what else is known of the place, and how it was understood: shared/sitios.py
    lugar: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    lote_id: Mapped[int | None] = mapped_column(Integer, index=True)
    programacion_id: Mapped[int | None] = mapped_column(Integer, index=True)
    # added: whose workers serve it: those of its tipo, or those of historico if a programacion asked
    cola: Mapped[TipoConsulta] = mapped_column(_enum(TipoConsulta), server_default="tiempo_real")
    clave_idempotencia: Mapped[str | None] = mapped_column(
        String(100, collation="utf8mb4_bin").with_variant(String(100), "sqlite")
    )
    huella: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of the body behind clave_idempotencia
    # added: how it ended
    codigo_error: Mapped[CodigoError | None] = mapped_column(_enum(CodigoError))
    parcial: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    # added: what the answer lacks, in short, for lists: {total, pasajeros, proveedores}; datos_completos has it whole
    faltan: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # added: providers that took part, by name, sorted and joined by commas; reportes group by them
    fuentes_usadas: Mapped[str | None] = mapped_column(String(80))
    fuentes_fallidas: Mapped[str | None] = mapped_column(String(80))
    # added: where it stands. version counts visible changes; turno is the fencing token of its holder
    progreso: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    intentos: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    turno: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    disponible_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())  # not to be taken before
    reintentada_en: Mapped[datetime | None] = mapped_column(
        InstanteUtc
    )  # when reintentar put it back, and it began anew
    tocar_en: Mapped[datetime | None] = mapped_column(InstanteUtc)  # ring again after; None unless pendiente
    vence_en: Mapped[datetime | None] = mapped_column(InstanteUtc)  # lease of whoever holds it; None unless procesando
    __table_args__ = (
        Index("ix_consultas_usuario", "usuario_id", "id"),
        Index("ix_consultas_estado", "estado", "tocar_en"),
        Index("ix_consultas_vencidas", "estado", "vence_en"),
        Index("ix_consultas_lugar", "latitud", "longitud"),
        Index("ix_consultas_cola", "estado", "cola", "usuario_id", "id"),
        Index("ix_consultas_activas", "usuario_id", "estado"),
        Index("ix_consultas_usuario_tipo", "usuario_id", "tipo_consulta"),
        Index("ix_consultas_usuario_ciudad", "usuario_id", "ciudad"),
        Index("ix_consultas_usuario_creada", "usuario_id", "creada_en"),
        UniqueConstraint("usuario_id", "clave_idempotencia", name="uq_consultas_idempotencia"),
        Base.__table_args__,
    )

    @property
    def avisos(self) -> list[str]:
        """What its numbers do not say of themselves: that its last day was not over. Spanish sentences."""
        if not (self.zona_horaria and self.fecha_inicio and self.fecha_fin and self.resolucion):
            return []
        pedido = Periodo(self.fecha_inicio, self.fecha_fin, self.resolucion)
        hecho = pedido.terminado(self.zona_horaria, self.creada_en)
        return [] if hecho is None or hecho == pedido else [SIN_HOY.format(pedido.fin, hecho.fin)]

    @property
    def reanuda_en(self) -> datetime | None:
        """When it goes on, if it waits for a later time: for room in a call budget, or before another try."""
        espera = self.estado == Estado.PENDIENTE and self.disponible_en > datetime.now(UTC)
        return self.disponible_en if espera else None


class Lote(Base):
    """Added. Consultas accepted together; they name it in lote_id."""

    __tablename__ = "lotes"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"), index=True)
    total: Mapped[int] = mapped_column(Integer)
    clave_idempotencia: Mapped[str | None] = mapped_column(
        String(100, collation="utf8mb4_bin").with_variant(String(100), "sqlite")
    )
    huella: Mapped[str | None] = mapped_column(String(64))
    creado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), index=True)
    __table_args__ = (
        UniqueConstraint("usuario_id", "clave_idempotencia", name="uq_lotes_idempotencia"),
        Base.__table_args__,
    )


class Programacion(Base):
    """Added. What a user wants asked again and again. lugares: bodies of places; None: the user's favourites.

    proxima_en: the next due time, None while not activa; calculada_en: when that was worked out.
    """

    __tablename__ = "programaciones"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"), index=True)
    nombre: Mapped[str] = mapped_column(String(100))
    cron: Mapped[str] = mapped_column(String(100))
    zona_horaria: Mapped[str] = mapped_column(String(64))
    tipo: Mapped[TipoConsulta] = mapped_column(_enum(TipoConsulta))
    lugares: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    ventana_dias: Mapped[int | None] = mapped_column(Integer)
    resolucion: Mapped[Resolucion | None] = mapped_column(_enum(Resolucion))
    parametros: Mapped[list[str]] = mapped_column(JSON)
    proveedores: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    formato: Mapped[Formato] = mapped_column(_enum(Formato))
    activa: Mapped[bool] = mapped_column(Boolean)
    proxima_en: Mapped[datetime | None] = mapped_column(InstanteUtc, index=True)
    calculada_en: Mapped[datetime] = mapped_column(InstanteUtc, index=True)
    creada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    actualizada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), onupdate=ahora())


class EstadoEjecucion(StrEnum):
    EN_CURSO = "en_curso"
    COMPLETADA = "completada"
    PARCIAL = "parcial"  # some consulta ended in error, or with an answer in part
    ERROR = "error"  # none was answered, or none could be asked: motivo says why


class Aviso(StrEnum):
    INICIO = "inicio"
    FIN = "fin"


class Ejecucion(Base):
    """Added. One run of a programacion. The unique due time is what makes it run once.

    saltadas: due times before this one that nobody was there to run. The counts are of when it ended.
    """

    __tablename__ = "ejecuciones"
    id: Mapped[int] = mapped_column(primary_key=True)
    programacion_id: Mapped[int] = mapped_column(ForeignKey("programaciones.id", ondelete="CASCADE"))
    prevista_en: Mapped[datetime] = mapped_column(InstanteUtc)
    iniciada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    terminada_en: Mapped[datetime | None] = mapped_column(InstanteUtc, index=True)
    estado: Mapped[EstadoEjecucion] = mapped_column(_enum(EstadoEjecucion))
    manual: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    saltadas: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    motivo: Mapped[str | None] = mapped_column(String(255))
    lote_id: Mapped[int | None] = mapped_column(Integer, index=True)
    total: Mapped[int] = mapped_column(Integer)
    completadas: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    parciales: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    errores: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    # what the ping URL still has to hear, and when to try next; None: nothing
    aviso: Mapped[Aviso | None] = mapped_column(_enum(Aviso))
    avisar_en: Mapped[datetime | None] = mapped_column(InstanteUtc, index=True)
    __table_args__ = (
        UniqueConstraint("programacion_id", "prevista_en", name="uq_ejecuciones_prevista"),
        Index("ix_ejecuciones_estado", "estado", "programacion_id"),
        Base.__table_args__,
    )


class DatosClima(Base):
    __tablename__ = "datos_clima"
    id: Mapped[int] = mapped_column(primary_key=True)
    consulta_id: Mapped[int] = mapped_column(ForeignKey("consultas.id", ondelete="CASCADE"), unique=True)
    temperatura_promedio: Mapped[Decimal | None] = mapped_column(DECIMAL(5, 2), index=True)
    temperatura_min: Mapped[Decimal | None] = mapped_column(DECIMAL(5, 2))
    temperatura_max: Mapped[Decimal | None] = mapped_column(DECIMAL(5, 2))
    presion_atmosferica: Mapped[Decimal | None] = mapped_column(DECIMAL(8, 2))
    humedad_relativa: Mapped[int | None] = mapped_column(Integer)
    velocidad_viento: Mapped[Decimal | None] = mapped_column(DECIMAL(5, 2))
    direccion_viento: Mapped[int | None] = mapped_column(Integer)
    precipitacion: Mapped[Decimal | None] = mapped_column(DECIMAL(6, 2))
    visibilidad: Mapped[int | None] = mapped_column(Integer)
    indice_uv: Mapped[Decimal | None] = mapped_column(DECIMAL(4, 2))
    calidad_aire: Mapped[int | None] = mapped_column(Integer)
    descripcion_clima: Mapped[str | None] = mapped_column(String(100))
    fuentes_utilizadas: Mapped[list[str]] = mapped_column(JSON)
    datos_completos: Mapped[dict[str, Any]] = mapped_column(JSON)  # {dispersion, fuentes}
    guardado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), index=True)


class Respuesta(Base):
    """Added. What one provider answered for one `tramo` (piece) of a historico, kept so that a second attempt
    asks only for what is missing. fuente: the Fuente as JSON. datos: its rows, packed by shared/series.py.
    They go when the consulta is completed, unless it was answered in part.
    """

    __tablename__ = "respuestas"
    consulta_id: Mapped[int] = mapped_column(ForeignKey("consultas.id", ondelete="CASCADE"), primary_key=True)
    proveedor: Mapped[str] = mapped_column(String(20), primary_key=True)
    tramo: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fuente: Mapped[dict[str, Any]] = mapped_column(JSON)
    datos: Mapped[bytes] = mapped_column(GRANDE)


class Serie(Base):
    """Added. The combined rows of a historico, one piece per `tramo`: a download never holds them all."""

    __tablename__ = "series"
    consulta_id: Mapped[int] = mapped_column(ForeignKey("consultas.id", ondelete="CASCADE"), primary_key=True)
    tramo: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    filas: Mapped[int] = mapped_column(Integer)
    datos: Mapped[bytes] = mapped_column(GRANDE)


class Pasado(Base):
    """Added. What a provider said of past days, for whoever asks for them next: see shared/pasado.py.

    huella: provider, cell, resolution, fields and key. hoja: the first day of its year (diaria) or month (horaria).
    parte: who measured. guardado_en: when it was last written, to age it by.
    """

    __tablename__ = "pasado"
    id: Mapped[int] = mapped_column(primary_key=True)
    huella: Mapped[str] = mapped_column(String(32))
    hoja: Mapped[date] = mapped_column(Date)
    parte: Mapped[str] = mapped_column(String(16))
    proveedor: Mapped[str] = mapped_column(String(20))
    fuente: Mapped[dict[str, Any]] = mapped_column(JSON)
    datos: Mapped[bytes] = mapped_column(GRANDE)
    guardado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), onupdate=ahora(), index=True)
    __table_args__ = (UniqueConstraint("huella", "hoja", "parte", name="uq_pasado_hoja"), Base.__table_args__)


class LogActividad(Base):
    __tablename__ = "logs_actividad"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int | None] = mapped_column(ForeignKey("usuarios.id", ondelete="SET NULL"), index=True)
    accion: Mapped[str] = mapped_column(String(50), index=True)
    detalle: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    ip_address: Mapped[str | None] = mapped_column(String(45), index=True)
    user_agent: Mapped[str | None] = mapped_column(String(255))
    creado_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora(), index=True)


class Resumen(Base):
    """Added. What reportes say of one UTC day, of one user or (usuario_id 0) of all; shared/resumenes.py writes it.

    hasta, of usuario_id 0: consultas created before it are counted here, and all have ended; later ones, and days
    without that row, are counted when they are asked for. datos: Cifras. Outlives the consultas it counts.
    mensual: of the whole month that begins on `dia`, the sum of its days, which stay.
    """

    __tablename__ = "resumenes"
    usuario_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    dia: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
    mensual: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    hasta: Mapped[datetime] = mapped_column(InstanteUtc)
    datos: Mapped[dict[str, Any]] = mapped_column(JSON)


class CiudadFavorita(Base):
    __tablename__ = "ciudades_favoritas"
    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(ForeignKey("usuarios.id", ondelete="CASCADE"))
    nombre_ciudad: Mapped[str] = mapped_column(String(100))
    pais: Mapped[str | None] = mapped_column(String(50))
    latitud: Mapped[Decimal] = mapped_column(DECIMAL(10, 8))
    longitud: Mapped[Decimal] = mapped_column(DECIMAL(11, 8))
    es_default: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    creada_en: Mapped[datetime] = mapped_column(InstanteUtc, default=ahora())
    # added: as of a consulta; NULL if its coordinates were given
    lugar: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (
        UniqueConstraint("usuario_id", "latitud", "longitud", name="uq_favoritas_lugar"),
        Base.__table_args__,
    )
