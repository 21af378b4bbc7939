"""`instrd doctor`: looks at everything that a start needs, and says what to do."""
