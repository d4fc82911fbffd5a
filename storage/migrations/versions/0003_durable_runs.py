"""Durable runs and their journals."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of runs and journals."""
    op.create_table(
        "run",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("budget", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'cancelled')", name="state"),
    )
    op.create_index("ix_run_state", "run", ["state"])
    op.create_table(
        "journal",
        sa.Column("run", sa.String(200), sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("seconds", sa.Double, nullable=False),
    )
