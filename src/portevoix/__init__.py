"""Portevoix: self-hosted, prepaid voice messaging, wire-compatible with Voice Partner."""

__version__ = "0.1.0"
