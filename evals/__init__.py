"""Drives the whole house from outside and measures it."""
