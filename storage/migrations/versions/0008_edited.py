"""Pictures made of others, and whose they are."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "edited",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(200), sa.ForeignKey("principal.name"), primary_key=True),
        sa.Column("mime", sa.String(100), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
    )
