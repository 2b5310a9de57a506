"""Which place a consulta or a favourite means, and how that was understood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLAS = ("consultas", "ciudades_favoritas")


def upgrade() -> None:
    for tabla in TABLAS:
        op.add_column(tabla, sa.Column("lugar", sa.JSON()))


def downgrade() -> None:
    for tabla in TABLAS:
        op.drop_column(tabla, "lugar")
