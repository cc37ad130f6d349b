"""Hooks for Vertex AI."""
