"""Pictures that principals uploaded."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table of uploaded pictures."""
    op.create_table(
        "upload",
        sa.Column("owner", sa.String(200), sa.ForeignKey("principal.name"), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("mime", sa.String(100), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
