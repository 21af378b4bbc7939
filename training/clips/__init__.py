"""Nets that give a clip one label, trained on labelled clips."""
