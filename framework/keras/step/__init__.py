"""The step under way: which rows it works on, what ranks add up, what waits until it is good.

Layers, losses, metrics and optimizers read it; training sets it.
"""
