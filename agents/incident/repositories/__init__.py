"""Queries. Every function joins the caller's transaction; none commits."""
