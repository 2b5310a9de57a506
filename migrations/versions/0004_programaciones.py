"""Programaciones and their ejecuciones; the queue of each consulta."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
TABLA: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_unicode_ci"}
ESTADO = sa.Enum("en_curso", "completada", "parcial", "error", name="estadoejecucion")
TIPO = sa.Enum("tiempo_real", "historico", name="tipoconsulta")


def upgrade() -> None:
    _cola()
    op.create_table(
        "programaciones",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("nombre", sa.String(length=100), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("zona_horaria", sa.String(length=64), nullable=False),
        sa.Column("tipo", TIPO, nullable=False),
        sa.Column("lugares", sa.JSON()),
        sa.Column("ventana_dias", sa.Integer()),
        sa.Column("resolucion", sa.Enum("diaria", "horaria", name="resolucion")),
        sa.Column("parametros", sa.JSON(), nullable=False),
        sa.Column("proveedores", sa.JSON()),
        sa.Column("formato", sa.Enum("json", "csv", "txt", "yaml", name="formato"), nullable=False),
        sa.Column("activa", sa.Boolean(), nullable=False),
        sa.Column("proxima_en", INSTANTE),
        sa.Column("calculada_en", INSTANTE, nullable=False),
        sa.Column("creada_en", INSTANTE, nullable=False),
        sa.Column("actualizada_en", INSTANTE, nullable=False),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        **TABLA,
    )
    for columna in ("usuario_id", "proxima_en", "calculada_en"):
        op.create_index(f"ix_programaciones_{columna}", "programaciones", [columna])
    _ejecuciones()


def _cola() -> None:
    """Rows that an older release adds meanwhile are served by the other queue's workers: later, not never."""
    op.add_column("consultas", sa.Column("cola", TIPO, server_default="tiempo_real", nullable=False))
    op.execute(
        "UPDATE consultas SET cola = 'historico' "
        "WHERE tipo_consulta = 'historico' AND estado IN ('pendiente', 'procesando')"
    )
    op.create_index("ix_consultas_cola", "consultas", ["estado", "cola", "usuario_id", "id"])
    op.drop_index("ix_consultas_justa", "consultas")


def _ejecuciones() -> None:
    op.create_table(
        "ejecuciones",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("programacion_id", sa.Integer(), nullable=False),
        sa.Column("prevista_en", INSTANTE, nullable=False),
        sa.Column("iniciada_en", INSTANTE, nullable=False),
        sa.Column("terminada_en", INSTANTE),
        sa.Column(
            "estado", sa.Enum("en_curso", "completada", "parcial", "error", name="estadoejecucion"), nullable=False
        ),
        sa.Column("manual", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("saltadas", sa.Integer(), server_default="0", nullable=False),
        sa.Column("motivo", sa.String(length=255)),
        sa.Column("lote_id", sa.Integer()),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("completadas", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parciales", sa.Integer(), server_default="0", nullable=False),
        sa.Column("errores", sa.Integer(), server_default="0", nullable=False),
        sa.Column("aviso", sa.Enum("inicio", "fin", name="aviso")),
        sa.Column("avisar_en", INSTANTE),
        sa.ForeignKeyConstraint(["programacion_id"], ["programaciones.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("programacion_id", "prevista_en", name="uq_ejecuciones_prevista"),
        **TABLA,
    )
    for columna in ("terminada_en", "lote_id", "avisar_en"):
        op.create_index(f"ix_ejecuciones_{columna}", "ejecuciones", [columna])
    op.create_index("ix_ejecuciones_estado", "ejecuciones", ["estado", "programacion_id"])


def downgrade() -> None:
    op.drop_table("ejecuciones")
    op.drop_table("programaciones")
    op.create_index("ix_consultas_justa", "consultas", ["estado", "tipo_consulta", "usuario_id", "id"])
    op.drop_index("ix_consultas_cola", "consultas")
    op.drop_column("consultas", "cola")
