/** Texts at their times, in lanes without overlap. */

import type { Scale } from "./scale.js";

export interface Mark {
  readonly text: string;
  readonly start: number; // seconds
  readonly end: number; // seconds
}

const GAP_PIXELS = 4;

/** Choose the lane of each mark, the first on top; `letter` is a letter's width in pixels. */
export function lanes(marks: readonly Mark[], scale: Scale, letter: number): number[] {
  const ends: number[] = [];
  return marks.map((mark) => {
    const [left, right] = [scale.x(mark.start), scale.x(mark.end)];
    const half = Math.max(right - left, mark.text.length * letter) / 2;
    const centre = (left + right) / 2;
    const free = ends.findIndex((end) => end + GAP_PIXELS <= centre - half);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = centre + half;
    return lane;
  });
}

/** Make an element for each mark, placed by the custom properties --left, --width and --place. */
export function elements(
  marks: readonly Mark[],
  chosen: readonly number[],
  scale: Scale,
  tag: "li" | "span",
): HTMLElement[] {
  return marks.map((mark, i) => {
    const element = document.createElement(tag);
    const text = document.createElement("span");
    text.textContent = mark.text;
    element.append(text);
    element.style.setProperty("--left", `${scale.x(mark.start)}px`);
    element.style.setProperty("--width", `${scale.x(mark.end) - scale.x(mark.start)}px`);
    element.style.setProperty("--place", String(chosen[i] ?? 0));
    return element;
  });
}
