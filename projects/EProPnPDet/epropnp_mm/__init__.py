"""What the detector and the 6DoF network share of MMEngine and MMDetection3D.

* ``layer``: the classes of :mod:`epropnp`, registered, so that configs can name them.
* ``backbones``: those that mmdet has not.
* ``engine``: runner, optimizer wrapper, hooks, and the check of a checkpoint against a model.
* ``order``: sampler and loops that resume anywhere, random numbers that follow the order.
* ``visualization``: pictures of data samples in training and test.
* ``configs``: finds the configs, installed or in a checkout.
* ``compat``: bridges to the installed versions of torch and mmengine.

Importing the package does nothing; :mod:`epropnp_mm.registration` registers all of it.
"""
