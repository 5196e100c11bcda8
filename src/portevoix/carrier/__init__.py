"""Carriers: what makes calls."""
