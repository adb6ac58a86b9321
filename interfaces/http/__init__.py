"""The copilot over HTTP: alert webhooks, the API, probes and metrics."""
