"""Share links: tokens that wait to be redeemed for a capability."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of share links."""
    op.create_table(
        "share_link",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("cap", sa.String(40), sa.ForeignKey("cap.id"), nullable=False, index=True),
        sa.Column("redemptions", sa.Integer),
        sa.CheckConstraint("redemptions >= 0", name="redemptions"),
    )
