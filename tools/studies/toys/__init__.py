"""Studies of the layer by itself, seconds to minutes on one core; see ``tools/toy_study.py``."""
