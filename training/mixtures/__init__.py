"""Nets that may name several instruments at once, trained on mixtures of stems."""
