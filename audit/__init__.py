"""The log that nobody can rewrite. Knows nothing of models or agents; everything that changes something writes here."""
