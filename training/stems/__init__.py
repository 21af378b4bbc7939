"""Stems: long tracks of one instrument each, played, sung and synthesised from many sources."""
