"""What an incident, a day and a tenant may cost: tokens, dollars, tool calls, actions, wall time."""
