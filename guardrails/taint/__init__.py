"""Text from outside as a type of its own: it can be looked at, and it can choose nothing."""
