/**
 * Spells a text with a model's labels, for alignment.
 *
 * Text and labels are compared in canonical decomposition (NFD), so that it does not matter which of
 * its forms either has. Case is the labels' own, accents without a label are left off, any apostrophe
 * finds any other, dashes part words, and other punctuation makes no sound. All else without a label
 * (digits, symbols, vowel signs, other scripts) is said aloud by somebody: a star holds its place, fits
 * any sound, and is reported. A word that is only "*" is a star that the text asks for, for what it
 * leaves out. In scripts without spaces a word is a character. The rules are those of voxport's Python
 * runtime. Knows labels and characters; no audio and no frames.
 */

import { AlignmentError } from "./errors.js";
import type { Model } from "./manifest.js";
import { splitUnits } from "./script-units.js";
import { MAKES_A_LETTER, MAY_BE_LEFT_OFF, compatibilityJamo } from "./unicode-tables.js";

export const STAR = "*";

// Python's white space: JavaScript's has no separators of information, and has the byte order mark.
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
// Quotation marks, the modifier letter, the full-width form, the grave and the acute accent.
const APOSTROPHES = "'\u2019\u2018\u02bc\uff07`\u00b4";
const QUOTED_EDGES = '"\u201c\u201d.,;:!?()';
const SAID = "&%@#*/\\§٪‰‱"; // punctuation by Unicode's categories, but read aloud
const UNSAID = "\u0640"; // a letter by Unicode's categories, but without a sound: the Arabic tatweel
const VARIATION = /^[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const MARK = /^\p{M}/u;
const DASH = /^\p{Pd}/u;
const SILENT = /^[\p{Cf}\p{Cc}]/u;
const PUNCTUATION = /^\p{P}/u;

const MAX_MARKS = 4; // on one letter, of which every choice is looked up
const MAX_SHOWN = 40; // characters of a text in a message

/** Characters without a label; a star holds the place of sounds among them. */
export interface Unspelled {
  readonly word: string; // as the text has it
  readonly characters: string; // those of it that no label spells
}

/** N labels of a text, the star among them as the label after the last. */
export interface Spelling {
  readonly tokens: number[];
  readonly words: (number | null)[]; // the word of each token; null between words
  readonly texts: string[]; // the words as the text has them, those that make no sound left out
  readonly unspelled: Unspelled[];
}

/** Split at white space, as Python does. */
export function splitWords(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== "");
}

/** The labels of one model by their text. */
export class Speller {
  private readonly delimiter: number | null;
  private readonly star: number;
  private readonly shown: string; // the labels, in messages
  private readonly indices = new Map<string, number>();
  private readonly longest: number; // characters of a label

  constructor(model: Model) {
    if (model.labels.some((label) => pieceOf(model, label).match(/^ +[^ ]/))) {
      throw new AlignmentError(
        `${model.name}: its labels are pieces of words, which spell a text in many ways: ` +
          "a known text is aligned with models whose labels are letters or phonemes",
      );
    }
    this.delimiter = model.wordDelimiter === null ? null : model.labels.indexOf(model.wordDelimiter);
    this.star = model.labels.length;
    const shown: string[] = [];
    model.labels.forEach((label, index) => {
      const isApart = index === model.blank || index === this.delimiter || label === "";
      if (isApart || isSpecial(label)) return;
      const text = label.replace(/ +$/, "") || label; // phonemes end in the space between them
      shown.push(text);
      const known = text.normalize("NFD");
      if (!this.indices.has(known)) this.indices.set(known, index);
    });
    this.shown = shown.join(" ");
    this.longest = Math.max(0, ...Array.from(this.indices.keys(), (label) => Array.from(label).length));
  }

  /** Spell a text; throw AlignmentError if nothing of it has a label. */
  spell(text: string): Spelling {
    const spelling: Spelling = { tokens: [], words: [], texts: [], unspelled: [] };
    for (const word of splitWords(text)) {
      let isFirst = true;
      for (const [unit, tokens, missing] of this.units(word)) {
        if (missing !== "") spelling.unspelled.push({ word: unit, characters: missing });
        if (tokens.length === 0) continue;
        this.append(spelling, unit, tokens, isFirst);
        isFirst = false;
      }
    }
    if (spelling.tokens.every((token) => token === this.star || token === this.delimiter)) {
      throw new AlignmentError(
        `nothing of the text '${shortened(text)}' can be spelled with the model's labels: ${this.shown}`,
      );
    }
    return spelling;
  }

  private append(spelling: Spelling, word: string, tokens: readonly number[], isApart: boolean): void {
    if (spelling.tokens.length > 0 && this.delimiter !== null && isApart) {
      spelling.tokens.push(this.delimiter);
      spelling.words.push(null);
    }
    spelling.tokens.push(...tokens);
    spelling.words.push(...tokens.map(() => spelling.texts.length));
    spelling.texts.push(word);
  }

  /** Yield the units of a word with their labels; neighbours without labels are one. */
  private *units(word: string): Generator<[string, number[], string]> {
    let held = ""; // units that are nothing but a star
    let unspelled = "";
    for (const unit of splitUnits(word)) {
      const [tokens, missing] = this.word(unit);
      if (missing !== "" && tokens.length === 1 && tokens[0] === this.star) {
        held += unit;
        unspelled += missing;
        continue;
      }
      if (held !== "") {
        yield [held, [this.star], unspelled];
        held = unspelled = "";
      }
      yield [unit, tokens, missing];
    }
    if (held !== "") yield [held, [this.star], unspelled];
  }

  /** Return the labels of one word, and its characters without a label. */
  private word(word: string): [number[], string] {
    if (word === STAR && !this.indices.has(STAR)) return [[this.star], ""];
    const tokens: number[] = [];
    let missing = "";
    let isMissing = false; // the letter that marks belong to
    for (const [piece, found] of this.pieces(Array.from(unquoted(word).normalize("NFD")))) {
      const isMark = MARK.test(piece);
      if (found.length > 0) {
        tokens.push(...found);
      } else if (DASH.test(piece)) {
        const isInside = tokens.length > 0 && tokens.at(-1) !== this.delimiter;
        if (isInside && this.delimiter !== null) tokens.push(this.delimiter);
      } else if (isMark && (isMissing || MAKES_A_LETTER.test(piece))) {
        if (!VARIATION.test(piece)) missing += piece;
        continue;
      } else if (!isSilent(piece)) {
        missing += piece;
        if (tokens.at(-1) !== this.star) tokens.push(this.star);
      }
      isMissing = found.length === 0 && !isMark && !isSilent(piece);
    }
    while (tokens.length > 0 && tokens.at(-1) === this.delimiter) tokens.pop();
    return [tokens, missing.normalize("NFC")];
  }

  /**
   * Yield runs of characters and their labels, or none. Long labels come first; a letter takes as many
   * of its marks as have a label together.
   */
  private *pieces(word: readonly string[]): Generator<[string, number[]]> {
    for (let place = 0; place < word.length; ) {
      const marks = marksAt(word, place + 1);
      const length = this.lengthAt(word, place, marks.length > 0);
      if (length > 0) {
        const piece = word.slice(place, place + length).join("");
        yield [piece, this.label(piece)];
        place += length;
      } else {
        yield* this.withMarks(word[place] ?? "", marks);
        place += 1 + marks.length;
      }
    }
  }

  /** Return the characters of the longest label at a place; 0 if it has none, or a mark behind it. */
  private lengthAt(word: readonly string[], place: number, hasMarks: boolean): number {
    for (let length = Math.min(this.longest, word.length - place); length > 0; length--) {
      const isFound = this.label(word.slice(place, place + length).join("")).length > 0;
      if (isFound && (length > 1 || !hasMarks)) return length;
    }
    return 0;
  }

  /** Yield a letter with the marks in its label, then each other mark. */
  private *withMarks(letter: string, marks: readonly string[]): Generator<[string, number[]]> {
    for (let count = Math.min(marks.length, MAX_MARKS); count > 0; count--) {
      for (const chosen of combinations(marks.length, count)) {
        const piece = letter + chosen.map((i) => marks[i] ?? "").join("");
        const found = this.label(piece);
        if (found.length === 0) continue;
        yield [piece, found];
        for (const [i, mark] of marks.entries()) {
          if (!chosen.includes(i)) yield [mark, this.label(mark)];
        }
        return;
      }
    }
    const own = this.label(letter);
    yield [letter, own.length > 0 ? own : this.otherwise(letter)];
    for (const mark of marks) yield [mark, this.label(mark)];
  }

  /** Return the label of a piece in any case, if there is one. */
  private label(piece: string): number[] {
    const apostrophes = APOSTROPHES.includes(piece) ? Array.from(APOSTROPHES) : [];
    for (const form of [piece, piece.toUpperCase(), piece.toLowerCase(), ...apostrophes]) {
      const found = this.indices.get(form);
      if (found !== undefined) return [found];
    }
    return [];
  }

  /** Spell a character without a label of its own: ß as ss, ﬁ as fi, jamo as letters. */
  private otherwise(character: string): number[] {
    const decomposed = Array.from(character.normalize("NFKD"));
    const plain = decomposed.filter((part) => this.label(part).length > 0 || !isLeftOff(part)).join("");
    const letters = decomposed.map(compatibilityJamo).join("");
    const folded = character.toUpperCase().toLowerCase();
    for (const form of [character.toUpperCase(), character.toLowerCase(), folded, plain, letters]) {
      const labels = Array.from(form, (part) => this.label(part));
      const isSpelled = labels.length > 0 && labels.every((found) => found.length > 0);
      if (form !== character && isSpelled) return labels.flat();
    }
    return [];
  }
}

function pieceOf(model: Model, label: string): string {
  return label === model.wordDelimiter ? " " : label;
}

/** Return the combining marks from a place on. */
function marksAt(word: readonly string[], place: number): string[] {
  let end = place;
  while (end < word.length && MARK.test(word[end] ?? "")) end++;
  return word.slice(place, end);
}

/** Yield the choices of `count` of `total` places, in the order of their places. */
function* combinations(total: number, count: number, first = 0): Generator<number[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let place = first; place <= total - count; place++) {
    for (const rest of combinations(total, count - 1, place + 1)) yield [place, ...rest];
  }
}

/** Return whether a label is a mark such as <s> or [UNK]: no text says it. */
function isSpecial(label: string): boolean {
  return /^(<.*>|\[.*\])$/su.test(label.replace(/ +$/, ""));
}

/** Drop 'single' quotation marks; they are no apostrophes. */
function unquoted(word: string): string {
  const inner = Array.from(word);
  while (inner.length > 0 && QUOTED_EDGES.includes(inner[0] ?? "")) inner.shift();
  while (inner.length > 0 && QUOTED_EDGES.includes(inner.at(-1) ?? "")) inner.pop();
  const [first = "", last = ""] = [inner[0], inner.at(-1)];
  const isQuoted = inner.length > 2 && APOSTROPHES.includes(first) && APOSTROPHES.includes(last);
  return isQuoted ? inner.slice(1, -1).join("") : word;
}

/** Return true for characters without a sound: punctuation, points and accents, zero width. */
function isSilent(character: string): boolean {
  const isSaid = SAID.includes(character.normalize("NFKC"));
  return (
    (PUNCTUATION.test(character) && !isSaid) ||
    SILENT.test(character) ||
    character === UNSAID ||
    isLeftOff(character)
  );
}

/** Return whether a mark may be missing from a text: accents, points, variation selectors. */
function isLeftOff(mark: string): boolean {
  return MAY_BE_LEFT_OFF.test(mark) || VARIATION.test(mark);
}

function shortened(text: string): string {
  const characters = Array.from(text);
  return characters.length <= MAX_SHOWN ? text : `${characters.slice(0, MAX_SHOWN - 1).join("")}…`;
}
