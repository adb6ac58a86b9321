"""The web console: pages made on the server, no script, readable on a phone at 3 a.m."""
