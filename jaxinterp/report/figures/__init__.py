"""What does a record look like? A module a study; functions return a Figure, whose label is its alternative text."""
