"""Platforms that are there already, read through our own ports: nothing of theirs is ever written."""
