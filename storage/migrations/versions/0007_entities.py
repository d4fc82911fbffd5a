"""Entities, their verbs, what they have scheduled, and whose player each is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables of entities."""
    op.create_table(
        "entity",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner", sa.String(200), sa.ForeignKey("principal.name"), nullable=False),
        sa.Column("prototype", sa.Integer, sa.ForeignKey("entity.id")),
        sa.Column("location", sa.Integer, sa.ForeignKey("entity.id")),
        sa.Column("namespace", sa.String(200)),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("maker", sa.String(40), sa.ForeignKey("cap.id"), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.CheckConstraint("prototype != id AND location != id", name="not_of_itself"),
        sqlite_autoincrement=True,
    )
    for column in ("owner", "prototype", "location"):
        op.create_index(f"ix_entity_{column}", "entity", [column])
    op.create_table(
        "verb",
        sa.Column("entity", sa.Integer, sa.ForeignKey("entity.id"), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
    )
    op.create_table(
        "player",
        sa.Column("principal", sa.String(200), sa.ForeignKey("principal.name"), primary_key=True),
        sa.Column("entity", sa.Integer, sa.ForeignKey("entity.id"), nullable=False, unique=True),
    )
    op.create_table(
        "scheduled",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("entity", sa.Integer, sa.ForeignKey("entity.id"), nullable=False),
        sa.Column("verb", sa.String(200), nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scheduled_entity", "scheduled", ["entity"])
    op.create_index("ix_scheduled_due", "scheduled", ["due"])
