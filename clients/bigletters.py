"""Words three terminal rows high, for reading from across the room.

Each letter is 5 pixels high, one character of the table being one pixel row of 3 bits; two pixel
rows share a terminal row as half blocks.
"""

from typing import Final

GLYPHS: Final = {
    letter: [int(row) for row in rows]
    for letter, rows in {
        "a": "25755",
        "b": "65656",
        "c": "34443",
        "d": "65556",
        "e": "74647",
        "f": "74644",
        "g": "34553",
        "h": "55755",
        "i": "72227",
        "j": "11152",
        "k": "55655",
        "l": "44447",
        "m": "57755",
        "n": "65555",
        "o": "25552",
        "p": "65644",
        "q": "25563",
        "r": "65655",
        "s": "34216",
        "t": "72222",
        "u": "55557",
        "v": "55552",
        "w": "55775",
        "x": "55255",
        "y": "55222",
        "z": "71247",
        "0": "75557",
        "1": "26227",
        "2": "71747",
        "3": "71317",
        "4": "55711",
        "5": "74717",
        "6": "74757",
        "7": "71122",
        "8": "75757",
        "9": "75717",
        "+": "02720",
        "-": "00700",
        "_": "00007",
        " ": "00000",
    }.items()
}
HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
ROWS: Final = 3


def big(word: str) -> list[str] | None:
    """Return three rows of half blocks, 4 columns a letter; None if a letter is not drawn."""
    letters = word.lower()
    if any(letter not in GLYPHS for letter in letters):
        return None
    pixels = [_pixel_row(letters, row) for row in range(5)] + [[0] * 4 * len(letters)]
    return [
        "".join(HALVES[pair] for pair in zip(pixels[row], pixels[row + 1], strict=True))
        for row in range(0, 2 * ROWS, 2)
    ]


def _pixel_row(letters: str, row: int) -> list[int]:
    return [
        GLYPHS[letter][row] >> bit & 1 if bit >= 0 else 0
        for letter in letters
        for bit in (2, 1, 0, -1)
    ]
