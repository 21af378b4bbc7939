"""`instrd-train audit`: what is wrong with labelled audio, found before anyone trains on it."""
