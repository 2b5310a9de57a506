"""What providers said of past days, shared by all consultas of a cell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
GRANDE = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "pasado",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("huella", sa.String(length=32), nullable=False),
        sa.Column("hoja", sa.Date(), nullable=False),
        sa.Column("parte", sa.String(length=16), nullable=False),
        sa.Column("proveedor", sa.String(length=20), nullable=False),
        sa.Column("fuente", sa.JSON(), nullable=False),
        sa.Column("datos", GRANDE, nullable=False),
        sa.Column("guardado_en", INSTANTE, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("huella", "hoja", "parte", name="uq_pasado_hoja"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )
    op.create_index("ix_pasado_guardado_en", "pasado", ["guardado_en"])


def downgrade() -> None:
    op.drop_table("pasado")
