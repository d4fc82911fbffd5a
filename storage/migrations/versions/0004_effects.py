"""What durable runs did, by the names of their effects."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of effects, and let an invocation be known by the effect that it is."""
    op.create_table(
        "effect",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("run", sa.String(200), nullable=False, index=True),
        sa.Column("done", sa.Text, nullable=False),
    )
    with op.batch_alter_table("invocation") as invocation:
        invocation.add_column(sa.Column("effect", sa.Text))
        invocation.add_column(sa.Column("compute", sa.BigInteger, nullable=False, server_default="0"))
        invocation.add_column(sa.Column("outcome", sa.Text))
        invocation.create_index("ix_invocation_effect", ["effect"], unique=True)
