"""Experiments: a YAML file -> objects -> a run folder; and the command line."""
