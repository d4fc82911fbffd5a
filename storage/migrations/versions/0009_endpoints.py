"""Scripts that people published for others to call, version by version."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table of endpoints."""
    op.create_table(
        "endpoint",
        sa.Column("owner", sa.String(200), sa.ForeignKey("principal.name"), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("grant", sa.Text, nullable=False),
        sa.Column("published", sa.Double, nullable=False),
        sa.Column("withdrawn", sa.Double),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.CheckConstraint("version > 0", name="version"),
    )
