"""Lotes: consultas accepted together."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
CLAVE = sa.String(length=100).with_variant(sa.String(length=100, collation="utf8mb4_bin"), "mysql", "mariadb")
TABLA: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_unicode_ci"}


def upgrade() -> None:
    op.create_table(
        "lotes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("clave_idempotencia", CLAVE, nullable=True),
        sa.Column("huella", sa.String(length=64), nullable=True),
        sa.Column("creado_en", INSTANTE, nullable=False),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usuario_id", "clave_idempotencia", name="uq_lotes_idempotencia"),
        **TABLA,
    )
    op.create_index("ix_lotes_usuario_id", "lotes", ["usuario_id"])
    op.create_index("ix_lotes_creado_en", "lotes", ["creado_en"])


def downgrade() -> None:
    op.drop_table("lotes")
