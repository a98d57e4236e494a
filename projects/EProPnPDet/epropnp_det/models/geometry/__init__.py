"""Geometry of a batch: pixels of the network input and of the original image, 3D boxes in both."""
