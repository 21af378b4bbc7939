"""`python -m instrd.training` is `instrd-train`."""

from instrd.training.entry import main

if __name__ == "__main__":
    main()
