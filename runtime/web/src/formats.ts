/**
 * Transcripts as text: plain, JSON, and whisper's three subtitle formats, byte for byte those of the
 * Python runtime. Every writer returns a whole document with a line feed at its end.
 */

import { groupIntoCues } from "./subtitles.js";
import { type Transcript, rounded } from "./transcript.js";

export const FORMATS = ["txt", "json", "srt", "vtt", "tsv"] as const;
export type Format = (typeof FORMATS)[number];

/** Return the document of a transcript; `file` is the recording's name, for JSON. */
export function formatTranscript(transcript: Transcript, format: Format, file?: string): string {
  switch (format) {
    case "txt":
      return `${transcript.text}\n`;
    case "json":
      return toJson(transcript, file);
    case "srt":
      return toSrt(transcript);
    case "vtt":
      return toVtt(transcript);
    case "tsv":
      return toTsv(transcript);
  }
}

/** Return one JSON object on one line: file, text, duration, words and tokens. */
function toJson(transcript: Transcript, file?: string): string {
  const spans = (all: Transcript["words"]): string =>
    `[${all.map((one) => object({ text: one.text, start: one.start, end: one.end, score: one.score })).join(", ")}]`;
  const { text, duration, words, tokens } = transcript;
  const head = object({ ...(file !== undefined && { file }), text, duration }).slice(0, -1);
  return `${head}, "words": ${spans(words)}, "tokens": ${spans(tokens)}}\n`;
}

/** Return an object of strings and numbers as Python writes it. */
function object(fields: Readonly<Record<string, string | number>>): string {
  const parts = Object.entries(fields).map(([key, value]) => `"${key}": ${json(value)}`);
  return `{${parts.join(", ")}}`;
}

function json(value: string | number): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (!Number.isFinite(value)) return "null";
  const number = rounded(value);
  return Number.isInteger(number) ? number.toFixed(1) : String(number);
}

/** Return SubRip subtitles: numbered cues of at most two lines of 42 characters. */
function toSrt(transcript: Transcript): string {
  return groupIntoCues(transcript)
    .map(({ start, end, lines }, i) => {
      return `${i + 1}\n${clock(start, ",")} --> ${clock(end, ",")}\n${lines.join("\n")}\n`;
    })
    .join("\n");
}

/** Return WebVTT subtitles, with the same cues. */
function toVtt(transcript: Transcript): string {
  const cues = groupIntoCues(transcript).map(({ start, end, lines }) => {
    return `${clock(start, ".")} --> ${clock(end, ".")}\n${escaped(lines.join("\n"))}\n`;
  });
  return ["WEBVTT\n", ...cues].join("\n");
}

/** Return a table of the cues: start and end in milliseconds, text. */
function toTsv(transcript: Transcript): string {
  const rows = groupIntoCues(transcript).map(({ start, end, text }) => {
    return `${milliseconds(start)}\t${milliseconds(end)}\t${text}\n`;
  });
  return ["start\tend\ttext\n", ...rows].join("");
}

/** Return 00:01:02.345, with `point` before the milliseconds. */
function clock(seconds: number, point: string): string {
  const all = milliseconds(seconds);
  const whole = Math.floor(all / 1000);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const parts = [hours, minutes, whole % 60].map((part) => String(part).padStart(2, "0"));
  return `${parts.join(":")}${point}${String(all % 1000).padStart(3, "0")}`;
}

function milliseconds(seconds: number): number {
  return Math.floor(rounded(seconds) * 1000 + 0.5);
}

/** Escape WebVTT's special characters. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
