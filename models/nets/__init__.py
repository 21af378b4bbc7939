"""The nets of every architecture, as torch modules; serving on a CPU needs none of them."""
