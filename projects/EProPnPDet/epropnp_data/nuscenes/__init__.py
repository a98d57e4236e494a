"""The nuScenes layout: names of the task, records of a scene, the tables they are written to."""
