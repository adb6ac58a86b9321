"""What a terminal shows: the incident card, tables, charts drawn with block characters."""
