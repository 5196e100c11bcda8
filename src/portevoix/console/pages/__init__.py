"""The pages: one file a subject, each with its ``PAGES``."""
