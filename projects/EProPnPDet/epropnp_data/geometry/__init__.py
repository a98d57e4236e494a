"""Rigid motions, boxes and projection; numpy."""
