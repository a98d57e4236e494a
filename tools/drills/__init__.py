"""Drills: faults injected into the real tools, and a record of what happened then.

``python tools/drill.py`` lists them. `drills.frame` says what a drill is made of.
"""
