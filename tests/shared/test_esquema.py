"""The migrations make what the models say, and what the customer asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from shared import esquema
from shared.db import crear_motor
from shared.modelos import Base
from tests.conftest import hacer_settings
from tests.servidores import MariaDB

TIPOS = {
    "usuarios": {
        "id": "int(11)",
        "username": "varchar(50)",
        "email": "varchar(100)",
        "password_hash": "varchar(255)",
        "nombre_completo": "varchar(100)",
        "rol": "enum('admin','operario','consultor')",
        "activo": "tinyint(1)",
        "ultimo_login": "datetime(6)",
    },
    "api_keys": {
        "proveedor": "varchar(50)",
        "api_key_encrypted": "text",
        "api_secret_encrypted": "text",
        "descripcion": "varchar(255)",
        "activa": "tinyint(1)",
        "limite_consultas_diarias": "int(11)",
        "consultas_realizadas": "int(11)",
    },
    "consultas": {
        "tipo_consulta": "enum('tiempo_real','historico')",
        "ciudad": "varchar(100)",
        "latitud": "decimal(10,8)",
        "longitud": "decimal(11,8)",
        "fecha_inicio": "date",
        "fecha_fin": "date",
        "formato_salida": "enum('json','csv','txt','yaml')",
        "estado": "enum('pendiente','procesando','completada','error')",
        "mensaje_error": "text",
        "tiempo_respuesta_ms": "int(11)",
        "ip_origen": "varchar(45)",
    },
    "datos_clima": {
        "temperatura_promedio": "decimal(5,2)",
        "temperatura_min": "decimal(5,2)",
        "temperatura_max": "decimal(5,2)",
        "presion_atmosferica": "decimal(8,2)",
        "humedad_relativa": "int(11)",
        "velocidad_viento": "decimal(5,2)",
        "direccion_viento": "int(11)",
        "precipitacion": "decimal(6,2)",
        "visibilidad": "int(11)",
        "indice_uv": "decimal(4,2)",
        "calidad_aire": "int(11)",
        "descripcion_clima": "varchar(100)",
    },
    "logs_actividad": {
        "accion": "varchar(50)",
        "ip_address": "varchar(45)",
        "user_agent": "varchar(255)",
    },
    "ciudades_favoritas": {
        "nombre_ciudad": "varchar(100)",
        "pais": "varchar(50)",
        "latitud": "decimal(10,8)",
        "longitud": "decimal(11,8)",
        "es_default": "tinyint(1)",
    },
}
INDICES: dict[str, set[tuple[str, ...]]] = {
    "usuarios": {("username",), ("email",), ("rol",)},
    "api_keys": {("usuario_id", "proveedor"), ("proveedor",), ("activa",)},
    "consultas": {
        ("usuario_id", "id"),
        ("tipo_consulta",),
        ("estado", "tocar_en"),
        ("creada_en",),
        ("ciudad",),
        ("latitud", "longitud"),
    },
    "datos_clima": {("consulta_id",), ("temperatura_promedio",), ("guardado_en",)},
    "logs_actividad": {("usuario_id",), ("accion",), ("creado_en",)},
    "ciudades_favoritas": {("usuario_id", "latitud", "longitud")},
}


def test_los_modelos_y_las_migraciones_coinciden(motor: Engine) -> None:
    with motor.connect() as conexion:
        contexto = MigrationContext.configure(conexion, opts={"compare_type": True})
        assert compare_metadata(contexto, Base.metadata) == []
        assert esquema.al_dia(conexion)


@pytest.mark.parametrize("tabla", TIPOS)
def test_los_tipos_son_los_del_cliente(mariadb: MariaDB, motor_mariadb: Engine, tabla: str) -> None:
    filas = mariadb.ejecutar(
        f"SELECT column_name, column_type FROM information_schema.columns "
        f"WHERE table_schema = 'cg_verbos' AND table_name = '{tabla}'"
    )
    reales = {str(columna): tipo for columna, tipo in filas}
    assert {columna: reales.get(columna) for columna in TIPOS[tabla]} == TIPOS[tabla]


@pytest.mark.parametrize("tabla", INDICES)
def test_los_indices_del_cliente_existen(motor: Engine, tabla: str) -> None:
    inspector = inspect(motor)
    hallados: set[tuple[str | None, ...]] = {tuple(i["column_names"]) for i in inspector.get_indexes(tabla)}
    hallados |= {tuple(u["column_names"]) for u in inspector.get_unique_constraints(tabla)}
    assert hallados >= INDICES[tabla]


def test_todas_las_tablas_son_innodb_y_utf8mb4(mariadb: MariaDB, motor_mariadb: Engine) -> None:
    filas = mariadb.ejecutar(
        "SELECT table_name, engine, table_collation FROM information_schema.tables "
        "WHERE table_schema = 'cg_verbos' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'"
    )
    assert {nombre for nombre, _, _ in filas} == set(Base.metadata.tables)
    assert {(motor, cotejo) for _, motor, cotejo in filas} == {("InnoDB", "utf8mb4_unicode_ci")}


def test_las_dos_vistas_existen_y_se_leen(motor: Engine) -> None:
    assert set(inspect(motor).get_view_names()) == {"vista_consultas_completas", "vista_estadisticas_usuarios"}
    with motor.connect() as conexion:
        for vista in ("vista_consultas_completas", "vista_estadisticas_usuarios"):
            conexion.exec_driver_sql(f"SELECT * FROM {vista}")


@pytest.mark.parametrize("tipo", ["mariadb", "sqlite"])
def test_bajar_y_volver_a_subir_deja_lo_mismo(mariadb: MariaDB, tmp_path: Path, tipo: str) -> None:
    url = mariadb.crear_base("cg_bajar") if tipo == "mariadb" else f"sqlite:///{tmp_path / 'b.db'}"
    motor = crear_motor(hacer_settings(url, "redis://127.0.0.1:1"))
    esquema.subir(motor)
    tablas = set(inspect(motor).get_table_names())
    esquema.bajar(motor, "base")
    assert set(inspect(motor).get_table_names()) == {"alembic_version"}
    assert inspect(motor).get_view_names() == []
    with motor.connect() as conexion:
        assert not esquema.al_dia(conexion)
    esquema.subir(motor)
    assert set(inspect(motor).get_table_names()) == tablas
    motor.dispose()


def test_migrar_no_crea_usuarios(motor: Engine) -> None:
    with motor.connect() as conexion:
        assert conexion.exec_driver_sql("SELECT COUNT(*) FROM usuarios").scalar() == 0
