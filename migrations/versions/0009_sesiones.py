"""Sessions: what every token belongs to. Tokens without one are refused, so everybody logs in once more.

tokens_revocados stays for the release before, which goes on asking it until it has been replaced.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "sesiones",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("usuario_id", sa.Integer(), nullable=False),
        sa.Column("creada_en", INSTANTE, nullable=False),
        sa.Column("usada_en", INSTANTE, nullable=False),
        sa.Column("expira_en", INSTANTE, nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=255), nullable=True),
        sa.Column("jti_refresco", sa.String(length=36), nullable=False),
        sa.Column("jti_anterior", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["usuario_id"], ["usuarios.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )
    op.create_index("ix_sesiones_usuario_id", "sesiones", ["usuario_id"])
    op.create_index("ix_sesiones_expira_en", "sesiones", ["expira_en"])


def downgrade() -> None:
    op.drop_table("sesiones")
