"""The point-in-time join: which feature row was visible to which entity row. `docs/point-in-time.md` defines it."""
