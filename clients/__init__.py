"""Everything a program needs to follow instrd or to command it; no audio, no torch."""
