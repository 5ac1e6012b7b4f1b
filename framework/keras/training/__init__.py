"""compile, fit, evaluate, predict: how a model meets data."""
