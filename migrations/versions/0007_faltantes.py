"""What an answer lacks, in short, for lists; and since when a consulta that was put back has been waiting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANTE = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("consultas", sa.Column("faltan", sa.JSON()))
    op.add_column("consultas", sa.Column("reintentada_en", INSTANTE))


def downgrade() -> None:
    op.drop_column("consultas", "reintentada_en")
    op.drop_column("consultas", "faltan")
