"""Changes of models that are no incident's: promotion and retraining as proposals, and what becomes of them."""
