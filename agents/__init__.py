"""Decides what to look at and what to propose. Holds no credentials and can change nothing."""
