"""The paper reproduced: its recipes and ours on the same clips, told as one page."""
