"""Split text in scripts without spaces between words: Chinese, Japanese, Thai and their like.

A unit is a character with its inseparable neighbours: marks, Thai and Lao vowels
written before or after their consonant, small kana, and punctuation. A text in a script with spaces
is one unit. Knows characters; no labels, no times. Finds no words, for want of a dictionary.
"""

import unicodedata
from bisect import bisect_right

# First and last code point of the blocks of these scripts, in order.
_BLOCKS = (
    (0x0E01, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),  # marks of ideographs
    (0x3021, 0x3029),
    (0x3031, 0x303C),
    (0x3041, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # ideographs
    (0x4E00, 0xA4CF),  # and Yi
    (0xA980, 0xA9DF),  # Javanese
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),  # ideographs
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana
    (0x20000, 0x3FFFF),  # ideographs
)
_FIRST = [first for first, _ in _BLOCKS]

# Thai and Lao vowels written before their consonant, and signs that stack the next consonant.
_JOINS_NEXT = "เแโใไເແໂໃໄ\u1039\u17d2\u1a60\ua9c0\u1b44"
# Thai and Lao vowels written after their consonant; small kana, length and repetition marks.
_JOINS_LAST = "ะาำๅๆຯະາຳໆぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶーｰｧｨｩｪｫｬｭｮｯﾞﾟ々〻ゝゞヽヾ་"


def split_units(text: str) -> list[str]:
    """Split a text without white space into units; joined, they are the text."""
    units: list[str] = []
    is_open = False  # whether the last unit wants what follows
    is_spaceless = False  # whether it ends in one of these scripts
    for character in text:
        category = unicodedata.category(character)
        is_own = has_no_spaces(character)
        joins_last = (
            category[0] == "M"
            or category in ("Cf", "Pe", "Pf", "Po", "Pd")
            or character in _JOINS_LAST
        )
        if not units or (not is_open and not joins_last and (is_own or is_spaceless)):
            units.append(character)
            is_spaceless = is_own
        else:
            units[-1] += character
            is_spaceless = is_spaceless or is_own
        is_open = character in _JOINS_NEXT or category in ("Ps", "Pi")
    return units


def has_no_spaces(character: str) -> bool:
    """Return whether a character's script is written without spaces between words."""
    code = ord(character)
    block = bisect_right(_FIRST, code) - 1
    return block >= 0 and code <= _BLOCKS[block][1]
