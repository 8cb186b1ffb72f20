/**
 * Ends of sentences by the punctuation of their script.
 *
 * Knows characters and no language: an abbreviation's full stop before a space ends a sentence.
 */

const CLOSING = "\"'\\u201d\\u2019\\u00bb)\\]"; // may follow the end
const SPACED = ".!?\\u2026\\u037e"; // before a space only: 3.14 is one word
const FULL =
  "\\u3002\\uff01\\uff1f\\uff61" + // full-width, Chinese and Japanese
  "\\u061f\\u06d4" + // Arabic, Urdu
  "\\u0964\\u0965" + // Devanagari and its neighbours
  "\\u0589\\u1362\\u1367" + // Armenian, Ethiopic
  "\\u17d4\\u104a\\u104b"; // Khmer, Myanmar
const ENDS = `(?:[${SPACED}]+[${CLOSING}]*(?=\\s|$)|[${FULL}]+[${CLOSING}\\u300d\\u300f]*)\\s*`;

/** Tell whether a sentence ends with this word, punctuation included. */
export function endsSentence(word: string): boolean {
  const matches = Array.from(word.matchAll(new RegExp(ENDS, "gu")));
  return matches.some((match) => match.index + match[0].length === word.length);
}
