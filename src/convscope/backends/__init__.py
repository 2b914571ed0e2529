"""Frameworks that run a net."""
