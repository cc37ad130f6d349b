"""The only layer that talks to a service."""
