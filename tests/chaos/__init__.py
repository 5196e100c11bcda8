"""Faults, chosen by a seed, while calls are made: what Portevoix promises must hold under each.

``make chaos`` runs many rounds (``python -m tests.chaos --help``), ``make test`` a few, and a test of its own for each
fault that takes a stage of its own. What happened is judged by the books, and by a witness beside the database.
"""
