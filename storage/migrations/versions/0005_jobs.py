"""Jobs and what happened to them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables of jobs and of their events."""
    op.create_table(
        "job",
        sa.Column("id", sa.String(200), sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("principal", sa.String(200), sa.ForeignKey("principal.name"), nullable=False),
        sa.Column("key", sa.String(200)),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("grant", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.CheckConstraint("state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')", name="state"),
    )
    op.create_index("ix_job_principal_created", "job", ["principal", "created"])
    op.create_index("ix_job_state", "job", ["state"])
    op.create_index("ix_job_key", "job", ["principal", "key"], unique=True)
    op.create_table(
        "job_event",
        sa.Column("job", sa.String(200), sa.ForeignKey("job.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
