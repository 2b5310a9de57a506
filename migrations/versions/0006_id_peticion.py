"""The request that asked for a consulta, so that its lines can be found in the logs of API and workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consultas", sa.Column("id_peticion", sa.String(length=64)))


def downgrade() -> None:
    op.drop_column("consultas", "id_peticion")
