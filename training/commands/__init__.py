"""The commands of `instrd-train`, one file each."""
