"""A catalog for each environment, in versions that the database refuses to rewrite.

Revision 0004, after 0003. What was applied so far was production's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from audit.triggers import statements_for

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("catalog_versions") as batch:
        batch.add_column(sa.Column("environment", sa.String(16), nullable=False, server_default="production"))
        batch.drop_constraint("pk_catalog_versions", type_="primary")
        batch.create_primary_key("pk_catalog_versions", ["environment", "version"])
    with op.batch_alter_table("catalog_versions") as batch:
        batch.alter_column("environment", server_default=None)
    key = ("environment", "version")
    for statement in statements_for("catalog_versions", op.get_bind().dialect.name, key=key):
        op.execute(statement)


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    names = ("update", "delete", "replace") if dialect == "sqlite" else ("rewrite", "truncate")
    for name in names:
        table = "" if dialect == "sqlite" else " ON catalog_versions"
        op.execute(f"DROP TRIGGER IF EXISTS catalog_versions_no_{name}{table}")
    op.execute("DELETE FROM catalog_versions WHERE environment <> 'production'")
    with op.batch_alter_table("catalog_versions") as batch:
        batch.drop_constraint("pk_catalog_versions", type_="primary")
        batch.drop_column("environment")
        batch.create_primary_key("pk_catalog_versions", ["version"])
