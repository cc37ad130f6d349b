"""Makes train.py a package that a training service can install."""

from setuptools import setup

setup(name="trainer", version="1.0", py_modules=["train"])
