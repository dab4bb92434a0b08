"""What does a unit do, in words? Facts about it, labels made of them, and how well a label predicts the unit."""
