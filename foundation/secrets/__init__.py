"""Secrets by reference: a setting says where a secret is, not what it is."""
