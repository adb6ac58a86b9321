"""Logs, traces and metrics. Cheap to import: the command line imports it before it knows what it will do."""
