"""Nets that others trained, and what they say of recordings without labels."""
