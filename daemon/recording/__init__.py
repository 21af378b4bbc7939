"""The small process that records one microphone; no other part of instrd touches PortAudio."""
