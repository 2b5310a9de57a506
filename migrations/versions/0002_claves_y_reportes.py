"""Checks of api keys, who took part in an answer, daily summaries, and the indexes of lists."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
TABLA: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_unicode_ci"}

VISTA = """
CREATE VIEW vista_consultas_completas AS
SELECT c.*, u.username, u.nombre_completo, d.temperatura_promedio, d.presion_atmosferica, d.velocidad_viento{mas}
FROM consultas c
JOIN usuarios u ON u.id = c.usuario_id
LEFT JOIN datos_clima d ON d.consulta_id = c.id
"""


def upgrade() -> None:
    op.execute("DROP VIEW vista_consultas_completas")
    for columna in (
        sa.Column("ultimos", sa.String(length=4)),
        sa.Column("prueba", sa.Enum("pendiente", "valida", "rechazada", "sin_respuesta", name="estadoprueba")),
        sa.Column("prueba_detalle", sa.String(length=255)),
        sa.Column("prueba_numero", sa.Integer(), server_default="0", nullable=False),
        sa.Column("prueba_tocar_en", INSTANTE),
        sa.Column("probada_en", INSTANTE),
    ):
        op.add_column("api_keys", columna)
    op.create_index("ix_api_keys_prueba_tocar_en", "api_keys", ["prueba_tocar_en"])
    op.add_column("consultas", sa.Column("fuentes_usadas", sa.String(length=80)))
    op.add_column("consultas", sa.Column("fuentes_fallidas", sa.String(length=80)))
    op.create_index("ix_consultas_usuario_tipo", "consultas", ["usuario_id", "tipo_consulta"])
    op.create_index("ix_consultas_usuario_ciudad", "consultas", ["usuario_id", "ciudad"])
    op.create_index("ix_consultas_usuario_creada", "consultas", ["usuario_id", "creada_en"])
    op.create_index("ix_logs_actividad_ip_address", "logs_actividad", ["ip_address"])
    op.create_table(
        "resumenes",
        sa.Column("usuario_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("dia", sa.Date(), nullable=False),
        sa.Column("mensual", sa.Boolean(), nullable=False),
        sa.Column("hasta", INSTANTE, nullable=False),
        sa.Column("datos", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("usuario_id", "dia", "mensual"),
        **TABLA,
    )
    op.create_index("ix_resumenes_dia", "resumenes", ["dia"])
    op.execute(VISTA.format(mas=", d.humedad_relativa"))


def downgrade() -> None:
    op.execute("DROP VIEW vista_consultas_completas")
    op.drop_table("resumenes")
    op.drop_index("ix_logs_actividad_ip_address", "logs_actividad")
    for indice in ("usuario_creada", "usuario_ciudad", "usuario_tipo"):
        op.drop_index(f"ix_consultas_{indice}", "consultas")
    op.drop_column("consultas", "fuentes_fallidas")
    op.drop_column("consultas", "fuentes_usadas")
    op.drop_index("ix_api_keys_prueba_tocar_en", "api_keys")
    for columna in ("probada_en", "prueba_tocar_en", "prueba_numero", "prueba_detalle", "prueba", "ultimos"):
        op.drop_column("api_keys", columna)
    op.execute(VISTA.format(mas=""))
