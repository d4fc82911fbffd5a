"""Alembic's entry: run the migrations on the connection that `mintaka.storage.migration` opened."""

from alembic import context

from mintaka.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
