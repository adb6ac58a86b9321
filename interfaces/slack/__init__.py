"""Slack: the incident card with its buttons, and questions in threads. The only place that imports slack_bolt."""
