"""Kubeflow Pipelines as the emulator knows it: one table of runs, shown by the APIs v1beta1 and v2beta1."""
