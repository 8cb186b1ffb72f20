/**
 * Words grouped into subtitle cues of readable length, as the Python runtime groups them.
 *
 * The limits follow broadcasters' style guides. Scripts without spaces between words (Chinese,
 * Japanese, Thai) break at characters. Knows words, tokens and their times, not the output format.
 */

import { splitUnits } from "./script-units.js";
import type { Token, Transcript, Word } from "./transcript.js";
import { IS_WIDE } from "./unicode-tables.js";

const LINE_COLUMNS = 42; // a wide character (Chinese, Japanese) fills two
const CUE_LINES = 2;
const LONGEST_CUE_S = 7;
const SHORTEST_CUE_S = 1; // if the next one leaves it the time
const READING_SPEED = 20; // columns a second
const PAUSE_S = 1; // of silence, which ends a cue

/** Lines of text with the time of their display. */
export interface Cue {
  readonly start: number; // seconds
  readonly end: number; // seconds
  readonly lines: readonly string[];
  readonly text: string; // the same on one line
}

/** A word, or a part of one with a possible line break behind it. */
interface Piece {
  readonly text: string;
  readonly start: number; // seconds
  readonly end: number; // seconds
  readonly gap: string; // what stands before it: a space, or nothing
}

/**
 * Group words in order; a cue ends after a pause or where a word would exceed a limit. CTC ends a word
 * early, and people read slower than some speak: a cue stays until it can be read, or the next one
 * comes.
 */
export function groupIntoCues(transcript: Transcript): Cue[] {
  const groups: Piece[][] = [];
  for (const piece of splitIntoPieces(transcript)) {
    const last = groups.at(-1);
    if (last === undefined || !fits(last, piece)) groups.push([piece]);
    else last.push(piece);
  }
  return groups.map((group, i) => cueOf(group, groups[i + 1]?.[0]?.start ?? Infinity));
}

function* splitIntoPieces({ words, text, tokens }: Transcript): Generator<Piece> {
  const gaps = gapsOf(words, text);
  for (const [i, word] of words.entries()) {
    const gap = gaps[i] ?? " ";
    let parts = splitUnits(word.text);
    // A model without a delimiter
    if (parts.length < 2 && word.end - word.start > LONGEST_CUE_S) parts = Array.from(word.text);
    if (parts.length < 2) {
      yield { text: word.text, start: word.start, end: word.end, gap };
      continue;
    }
    const own = tokens.filter(({ start }) => start >= word.start && start < word.end);
    const times = characterTimes(word, own.filter((token) => token.text.trim() !== ""));
    let place = 0;
    for (const part of parts) {
      const [first, last] = [times[place], times[place + Array.from(part).length - 1]];
      yield { text: part, start: first?.[0] ?? 0, end: last?.[1] ?? 0, gap: place > 0 ? "" : gap };
      place += Array.from(part).length;
    }
  }
}

/** Return start and end of each character of a word, in seconds. */
function characterTimes(word: Word, tokens: readonly Token[]): (readonly [number, number])[] {
  if (tokens.map(({ text }) => text).join("") === word.text) {
    return tokens.flatMap(({ text, start, end }) => Array.from(text, () => [start, end] as const));
  }
  const count = Array.from(word.text).length;
  const share = (word.end - word.start) / count;
  const edge = (place: number): number => (place === count ? word.end : word.start + share * place);
  return Array.from({ length: count }, (_, place) => [edge(place), edge(place + 1)] as const);
}

/** Return the text between each word and the one before it. */
function gapsOf(words: readonly Word[], text: string): string[] {
  let place = 0;
  return words.map((word) => {
    const found = text.indexOf(word.text, place);
    if (found < 0) return " ";
    const gap = place > 0 && place === found ? "" : " ";
    place = found + word.text.length;
    return gap;
  });
}

function cueOf(group: readonly Piece[], until: number): Cue {
  const start = group[0]?.start ?? 0;
  const lines = fillLines(group);
  const columns = lines.reduce((sum, line) => sum + countColumns(line), 0);
  const toRead = Math.max(SHORTEST_CUE_S, columns / READING_SPEED);
  const end = Math.max(group.at(-1)?.end ?? 0, start + Math.min(toRead, LONGEST_CUE_S));
  const text = group.map((piece, i) => `${i > 0 ? piece.gap : ""}${piece.text}`).join("");
  return { start, end: Math.min(end, until), lines, text };
}

function fits(group: readonly Piece[], piece: Piece): boolean {
  return (
    piece.start - (group.at(-1)?.end ?? 0) < PAUSE_S &&
    piece.end - (group[0]?.start ?? 0) <= LONGEST_CUE_S &&
    fillLines([...group, piece]).length <= CUE_LINES
  );
}

/** Fill lines with words; a word longer than a line has its own. */
function fillLines(pieces: readonly Piece[]): string[] {
  const lines: string[] = [];
  for (const { text, gap } of pieces) {
    const last = lines.at(-1);
    const longer = last === undefined ? "" : `${last}${gap}${text}`;
    if (last !== undefined && countColumns(longer) <= LINE_COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(text);
  }
  return lines;
}

/** Return the width of a text; wide characters count twice. */
function countColumns(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + (IS_WIDE.test(character) ? 2 : 1), 0);
}
