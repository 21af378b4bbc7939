"""Folders of recordings: their layouts, their labels and parts, and the pool."""
