"""A Keras-style deep-learning framework for CPUs and CPU clusters."""
