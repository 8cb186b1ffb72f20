/**
 * Splits text in scripts without spaces between words: Chinese, Japanese, Thai and their like.
 *
 * A unit is a character with its inseparable neighbours: marks, Thai and Lao vowels written before or
 * after their consonant, small kana, and punctuation. A text in a script with spaces is one unit.
 * Knows characters; no labels, no times. Finds no words, for want of a dictionary.
 */

// First and last code point of the blocks of these scripts, in order.
const BLOCKS = [
  [0x0e01, 0x0eff], // Thai, Lao
  [0x0f00, 0x109f], // Tibetan, Myanmar
  [0x1780, 0x17ff], // Khmer
  [0x1950, 0x19ff], // Tai Le, New Tai Lue, Khmer symbols
  [0x1a20, 0x1aaf], // Tai Tham
  [0x1b00, 0x1b7f], // Balinese
  [0x2e80, 0x2fdf], // radicals
  [0x3005, 0x3007], // marks of ideographs
  [0x3021, 0x3029],
  [0x3031, 0x303c],
  [0x3041, 0x312f], // Hiragana, Katakana, Bopomofo
  [0x31a0, 0x31ff],
  [0x3400, 0x4dbf], // ideographs
  [0x4e00, 0xa4cf], // and Yi
  [0xa980, 0xa9df], // Javanese
  [0xa9e0, 0xa9ff], // Myanmar
  [0xaa60, 0xaa7f],
  [0xf900, 0xfaff], // ideographs
  [0xff66, 0xff9f], // half-width Katakana
  [0x1aff0, 0x1b16f], // Kana
  [0x20000, 0x3ffff], // ideographs
] as const;

// Thai and Lao vowels written before their consonant, and signs that stack the next consonant.
const JOINS_NEXT = "เแโใไເແໂໃໄ\u1039\u17d2\u1a60\ua9c0\u1b44";
// Thai and Lao vowels written after their consonant; small kana, length and repetition marks.
const JOINS_LAST =
  "ะาำๅๆຯະາຳໆぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶーｰｧｨｩｪｫｬｭｮｯﾞﾟ々〻ゝゞヽヾ་";

const JOINS = /^[\p{M}\p{Cf}\p{Pe}\p{Pf}\p{Po}\p{Pd}]/u;
const OPENS = /^[\p{Ps}\p{Pi}]/u;

/** Split a text without white space into units; joined, they are the text. */
export function splitUnits(text: string): string[] {
  const units: string[] = [];
  let isOpen = false; // the last unit wants what follows
  let isSpaceless = false; // it ends in one of these scripts
  for (const character of text) {
    const isOwn = hasNoSpaces(character);
    const joinsLast = JOINS.test(character) || JOINS_LAST.includes(character);
    if (units.length === 0 || (!isOpen && !joinsLast && (isOwn || isSpaceless))) {
      units.push(character);
      isSpaceless = isOwn;
    } else {
      units[units.length - 1] += character;
      isSpaceless ||= isOwn;
    }
    isOpen = JOINS_NEXT.includes(character) || OPENS.test(character);
  }
  return units;
}

/** Return whether a character's script is written without spaces between words. */
function hasNoSpaces(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return BLOCKS.some(([first, last]) => code >= first && code <= last);
}
