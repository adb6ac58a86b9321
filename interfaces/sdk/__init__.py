"""For programs that use the platform over HTTP."""
