"""Datasets, one file each; the shared parts have names with an underscore."""
