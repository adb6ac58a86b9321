"""The schema's history, by Alembic. Run by `vigia database upgrade` and by every process at its start."""
