"""Which durable run an invocation is of, to be found by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, and its index."""
    with op.batch_alter_table("invocation") as invocation:
        invocation.add_column(sa.Column("run", sa.String(200)))
        invocation.create_index("ix_invocation_run", ["run"])
