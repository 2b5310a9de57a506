"""The customer's six tables and two views, and what ClimaGuru adds to them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
GRANDE = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
TABLA: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_unicode_ci"}

VISTA_CONSULTAS = """
CREATE VIEW vista_consultas_completas AS
SELECT c.*, u.username, u.nombre_completo, d.temperatura_promedio, d.presion_atmosferica, d.velocidad_viento
FROM consultas c
JOIN usuarios u ON u.id = c.usuario_id
LEFT JOIN datos_clima d ON d.consulta_id = c.id
"""

VISTA_ESTADISTICAS = """
CREATE VIEW vista_estadisticas_usuarios AS
SELECT u.id, u.username, u.nombre_completo,
       COUNT(c.id) AS total_consultas,
       COALESCE(SUM(CASE WHEN c.estado = 'completada' THEN 1 ELSE 0 END), 0) AS consultas_exitosas,
       MAX(c.creada_en) AS ultima_consulta
FROM usuarios u
LEFT JOIN consultas c ON c.usuario_id = u.id
WHERE u.activo
GROUP BY u.id, u.username, u.nombre_completo
"""


def upgrade() -> None:
    op.create_table(
        "tokens_revocados",
        sa.Column("jti", sa.String(length=36), nullable=False),
        sa.Column("expira_en", INSTANTE, nullable=False),
        sa.PrimaryKeyConstraint("jti"),
        **TABLA,
    )
    op.create_index("ix_tokens_revocados_expira_en", "tokens_revocados", ["expira_en"])

    op.create_table(
        "usuarios",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=50, collation="utf8mb4_unicode_ci"), nullable=False),
        sa.Column("email", sa.String(length=100, collation="utf8mb4_unicode_ci"), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("nombre_completo", sa.String(length=100), nullable=True),
        sa.Column(
            "rol",
            sa.Enum("admin", "operario", "consultor", name="rol"),
            server_default="operario",
            nullable=False,
        ),
        sa.Column("activo", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ultimo_login", INSTANTE, nullable=True),
        sa.Column("creado_en", INSTANTE, nullable=False),
        sa.Column("actualizado_en", INSTANTE, nullable=False),
        sa.Column("tokens_desde", INSTANTE, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("username"),
        **TABLA,
    )
    op.create_index("ix_usuarios_rol", "usuarios", ["rol"])

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("proveedor", sa.String(length=50), nullable=False),
        sa.Column("api_key_encrypted", sa.Text(), nullable=False),
        sa.Column("api_secret_encrypted", sa.Text(), nullable=True),
        sa.Column("descripcion", sa.String(length=255), nullable=True),
        sa.Column("activa", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("limite_consultas_diarias", sa.Integer(), server_default="1000", nullable=False),
        sa.Column("consultas_realizadas", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ultimo_uso", INSTANTE, nullable=True),
        sa.Column("creada_en", INSTANTE, nullable=False),
        sa.Column("actualizada_en", INSTANTE, nullable=False),
        sa.Column("dia_cuota", sa.Date(), nullable=True),
        sa.Column("rechazada_en", INSTANTE, nullable=True),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usuario_id", "proveedor", name="uq_api_keys_usuario_proveedor"),
        **TABLA,
    )
    op.create_index("ix_api_keys_activa", "api_keys", ["activa"])
    op.create_index("ix_api_keys_proveedor", "api_keys", ["proveedor"])

    op.create_table(
        "ciudades_favoritas",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("nombre_ciudad", sa.String(length=100), nullable=False),
        sa.Column("pais", sa.String(length=50), nullable=True),
        sa.Column("latitud", sa.DECIMAL(precision=10, scale=8), nullable=False),
        sa.Column("longitud", sa.DECIMAL(precision=11, scale=8), nullable=False),
        sa.Column("es_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("creada_en", INSTANTE, nullable=False),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usuario_id", "latitud", "longitud", name="uq_favoritas_lugar"),
        **TABLA,
    )
    op.create_table(
        "consultas",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("tipo_consulta", sa.Enum("tiempo_real", "historico", name="tipoconsulta"), nullable=False),
        sa.Column("ciudad", sa.String(length=100, collation="utf8mb4_unicode_ci"), nullable=True),
        sa.Column("latitud", sa.DECIMAL(precision=10, scale=8), nullable=True),
        sa.Column("longitud", sa.DECIMAL(precision=11, scale=8), nullable=True),
        sa.Column("fecha_inicio", sa.Date(), nullable=True),
        sa.Column("fecha_fin", sa.Date(), nullable=True),
        sa.Column(
            "formato_salida",
            sa.Enum("json", "csv", "txt", "yaml", name="formato"),
            server_default="json",
            nullable=False,
        ),
        sa.Column("parametros_solicitados", sa.JSON(), nullable=False),
        sa.Column("respuesta_api", sa.JSON(), nullable=True),
        sa.Column(
            "estado",
            sa.Enum("pendiente", "procesando", "completada", "error", name="estado"),
            server_default="pendiente",
            nullable=False,
        ),
        sa.Column("mensaje_error", sa.Text(), nullable=True),
        sa.Column("tiempo_respuesta_ms", sa.Integer(), nullable=True),
        sa.Column("ip_origen", sa.String(length=45), nullable=True),
        sa.Column("creada_en", INSTANTE, nullable=False),
        sa.Column("completada_en", INSTANTE, nullable=True),
        sa.Column("proveedores_solicitados", sa.JSON(), nullable=True),
        sa.Column("resolucion", sa.Enum("diaria", "horaria", name="resolucion"), nullable=True),
        sa.Column("max_edad_s", sa.Integer(), nullable=True),
        sa.Column("zona_horaria", sa.String(length=64), nullable=True),
        sa.Column("lote_id", sa.Integer(), nullable=True),
        sa.Column("programacion_id", sa.Integer(), nullable=True),
        sa.Column(
            "clave_idempotencia",
            sa.String(length=100, collation="utf8mb4_bin").with_variant(sa.String(length=100), "sqlite"),
            nullable=True,
        ),
        sa.Column("huella", sa.String(length=64), nullable=True),
        sa.Column(
            "codigo_error",
            sa.Enum(
                "ciudad_desconocida",
                "sin_proveedores",
                "proveedores_fallaron",
                "cuota_agotada",
                "cancelada",
                "tiempo_agotado",
                "interno",
                name="codigoerror",
            ),
            nullable=True,
        ),
        sa.Column("parcial", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("progreso", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("intentos", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("turno", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disponible_en", INSTANTE, nullable=False),
        sa.Column("tocar_en", INSTANTE, nullable=True),
        sa.Column("vence_en", INSTANTE, nullable=True),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usuario_id", "clave_idempotencia", name="uq_consultas_idempotencia"),
        **TABLA,
    )
    op.create_index("ix_consultas_ciudad", "consultas", ["ciudad"])
    op.create_index("ix_consultas_creada_en", "consultas", ["creada_en"])
    op.create_index("ix_consultas_estado", "consultas", ["estado", "tocar_en"])
    op.create_index("ix_consultas_lote_id", "consultas", ["lote_id"])
    op.create_index("ix_consultas_lugar", "consultas", ["latitud", "longitud"])
    op.create_index("ix_consultas_justa", "consultas", ["estado", "tipo_consulta", "usuario_id", "id"])
    op.create_index("ix_consultas_activas", "consultas", ["usuario_id", "estado"])
    op.create_index("ix_consultas_programacion_id", "consultas", ["programacion_id"])
    op.create_index("ix_consultas_tipo_consulta", "consultas", ["tipo_consulta"])
    op.create_index("ix_consultas_usuario", "consultas", ["usuario_id", "id"])
    op.create_index("ix_consultas_vencidas", "consultas", ["estado", "vence_en"])

    op.create_table(
        "logs_actividad",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=True),
        sa.Column("accion", sa.String(length=50), nullable=False),
        sa.Column("detalle", sa.JSON(), nullable=True),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=255), nullable=True),
        sa.Column("creado_en", INSTANTE, nullable=False),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        **TABLA,
    )
    op.create_index("ix_logs_actividad_accion", "logs_actividad", ["accion"])
    op.create_index("ix_logs_actividad_creado_en", "logs_actividad", ["creado_en"])
    op.create_index("ix_logs_actividad_usuario_id", "logs_actividad", ["usuario_id"])

    op.create_table(
        "datos_clima",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consulta_id", sa.Integer(), nullable=False),
        sa.Column("temperatura_promedio", sa.DECIMAL(precision=5, scale=2), nullable=True),
        sa.Column("temperatura_min", sa.DECIMAL(precision=5, scale=2), nullable=True),
        sa.Column("temperatura_max", sa.DECIMAL(precision=5, scale=2), nullable=True),
        sa.Column("presion_atmosferica", sa.DECIMAL(precision=8, scale=2), nullable=True),
        sa.Column("humedad_relativa", sa.Integer(), nullable=True),
        sa.Column("velocidad_viento", sa.DECIMAL(precision=5, scale=2), nullable=True),
        sa.Column("direccion_viento", sa.Integer(), nullable=True),
        sa.Column("precipitacion", sa.DECIMAL(precision=6, scale=2), nullable=True),
        sa.Column("visibilidad", sa.Integer(), nullable=True),
        sa.Column("indice_uv", sa.DECIMAL(precision=4, scale=2), nullable=True),
        sa.Column("calidad_aire", sa.Integer(), nullable=True),
        sa.Column("descripcion_clima", sa.String(length=100), nullable=True),
        sa.Column("fuentes_utilizadas", sa.JSON(), nullable=False),
        sa.Column("datos_completos", sa.JSON(), nullable=False),
        sa.Column("guardado_en", INSTANTE, nullable=False),
        sa.ForeignKeyConstraint(["consulta_id"], ["consultas.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("consulta_id"),
        **TABLA,
    )
    op.create_index("ix_datos_clima_guardado_en", "datos_clima", ["guardado_en"])
    op.create_index("ix_datos_clima_temperatura_promedio", "datos_clima", ["temperatura_promedio"])

    op.create_table(
        "respuestas",
        sa.Column("consulta_id", sa.Integer(), nullable=False),
        sa.Column("proveedor", sa.String(length=20), nullable=False),
        sa.Column("tramo", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fuente", sa.JSON(), nullable=False),
        sa.Column("datos", GRANDE, nullable=False),
        sa.ForeignKeyConstraint(["consulta_id"], ["consultas.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("consulta_id", "proveedor", "tramo"),
        **TABLA,
    )
    op.create_table(
        "series",
        sa.Column("consulta_id", sa.Integer(), nullable=False),
        sa.Column("tramo", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("filas", sa.Integer(), nullable=False),
        sa.Column("datos", GRANDE, nullable=False),
        sa.ForeignKeyConstraint(["consulta_id"], ["consultas.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("consulta_id", "tramo"),
        **TABLA,
    )
    op.execute(VISTA_CONSULTAS)
    op.execute(VISTA_ESTADISTICAS)


def downgrade() -> None:
    op.execute("DROP VIEW vista_estadisticas_usuarios")
    op.execute("DROP VIEW vista_consultas_completas")
    for tabla in (
        "series",
        "respuestas",
        "datos_clima",
        "logs_actividad",
        "consultas",
        "ciudades_favoritas",
        "api_keys",
        "usuarios",
        "tokens_revocados",
    ):
        op.drop_table(tabla)
