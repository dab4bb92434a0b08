"""What do a study's results look like? One module or package per study.

Functions return a Figure, whose label is its alternative text.
"""
