"""Handing capabilities to others: kinds of principals, their tokens, share links, rates, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Say what kind each principal is, and make the tables of tokens, share links, rates and the audit log."""
    op.add_column("principal", sa.Column("kind", sa.String(20), nullable=False, server_default="user"))
    op.execute("UPDATE principal SET kind = 'owner' WHERE name = 'owner'")
    op.create_table(
        "token",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("principal", sa.String(200), sa.ForeignKey("principal.name"), nullable=False, index=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("last_used", sa.Double),
    )
    op.create_table(
        "share_link",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("cap", sa.String(40), sa.ForeignKey("cap.id"), nullable=False, index=True),
        sa.Column("redemptions", sa.Integer),
        sa.CheckConstraint("redemptions >= 0", name="redemptions"),
    )
    op.create_table(
        "rate",
        sa.Column("cap", sa.String(40), sa.ForeignKey("cap.id"), primary_key=True),
        sa.Column("burst", sa.Integer, nullable=False),
        sa.Column("refill_us", sa.BigInteger, nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("burst > 0 AND refill_us > 0", name="positive"),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("deed", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("cap", sa.String(40), nullable=False, index=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
    )
