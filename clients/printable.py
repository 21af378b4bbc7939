"""Text from outside, made harmless for a terminal."""


def printable(text: str) -> str:
    """Device names come from outside; a terminal must not obey them."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
