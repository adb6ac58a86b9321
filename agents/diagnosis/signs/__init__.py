"""What evidence can show. Causes say how often each sign is seen when they are at work."""
