"""Capabilities, their accounts, the calls made with them, and what those published."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "principal",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "cap",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("parent", sa.String(40), sa.ForeignKey("cap.id"), index=True),
        sa.Column("mint", sa.String(40), sa.ForeignKey("cap.id"), index=True),
        sa.Column("type", sa.String(200), nullable=False),
        sa.Column("own", sa.Text, nullable=False),
        sa.Column("holder", sa.String(200), sa.ForeignKey("principal.name"), nullable=False, index=True),
        sa.Column("issuer", sa.String(200), sa.ForeignKey("principal.name"), nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("revoked", sa.Double),
        sa.Column("revoked_by", sa.String(200), sa.ForeignKey("principal.name")),
        sa.Column("label", sa.String(200)),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("depth BETWEEN 0 AND 32", name="depth"),
        sa.CheckConstraint("parent IS NULL OR mint IS NULL", name="one_origin"),
    )
    op.create_table(
        "account",
        sa.Column("cap", sa.String(40), sa.ForeignKey("cap.id"), primary_key=True),
        sa.Column("unit", sa.String(20), primary_key=True),
        sa.Column("limit", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.CheckConstraint('reserved >= 0 AND spent >= 0 AND reserved + spent <= "limit"', name="within_limit"),
    )
    op.create_table(
        "invocation",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("cap", sa.String(40), sa.ForeignKey("cap.id"), nullable=False, index=True),
        sa.Column("principal", sa.String(200), sa.ForeignKey("principal.name"), nullable=False),
        sa.Column("method", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("admitted", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.CheckConstraint("state IN ('running', 'settled', 'released')", name="state"),
    )
    op.create_index("ix_invocation_state", "invocation", ["state"])
    op.create_table(
        "charge",
        sa.Column("invocation", sa.String(40), sa.ForeignKey("invocation.id"), primary_key=True),
        sa.Column("cap", sa.String(40), primary_key=True),
        sa.Column("unit", sa.String(20), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["cap", "unit"], ["account.cap", "account.unit"]),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )
    op.create_table(
        "asset",
        sa.Column("invocation", sa.String(40), sa.ForeignKey("invocation.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, index=True),
        sa.Column("owner", sa.String(200), sa.ForeignKey("principal.name"), nullable=False, index=True),
        sa.Column("mime", sa.String(100), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
    )
