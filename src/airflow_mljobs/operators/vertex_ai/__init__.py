"""Operators for Vertex AI."""
