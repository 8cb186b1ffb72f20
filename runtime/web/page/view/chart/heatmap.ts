/** Paints posteriors, one pixel a frame and label; the style sheet stretches them. */

import type { Posteriors } from "./posteriors.js";

const FLOOR = 1e-3; // probabilities from here to 1 have a colour, on a logarithmic scale

type Colour = readonly [number, number, number];

/** Paint with the colours of `ramp`, from improbable to certain. */
export function paint(canvas: HTMLCanvasElement, shown: Posteriors, ramp: readonly Colour[]): void {
  const rows = shown.rows.length;
  canvas.width = Math.max(shown.frames, 1);
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (context === null || shown.frames === 0) return;
  const image = context.createImageData(shown.frames, rows);
  shown.values.forEach((value, i) => {
    const [frame, row] = [Math.floor(i / rows), i % rows];
    const place = 4 * (row * shown.frames + frame);
    const share = 1 - Math.log(Math.max(value, FLOOR)) / Math.log(FLOOR);
    image.data.set([...colour(ramp, share), 255], place);
  });
  context.putImageData(image, 0, 0);
}

/** Read colours from the style sheet's custom properties: "--heat-0: 250 247 240". */
export function readRamp(element: Element, names: readonly string[]): Colour[] {
  const style = getComputedStyle(element);
  return names.map((name) => {
    const [red = 0, green = 0, blue = 0] = style.getPropertyValue(name).trim().split(" ").map(Number);
    return [red, green, blue];
  });
}

function colour(ramp: readonly Colour[], share: number): Colour {
  const place = share * (ramp.length - 1);
  const below = Math.min(Math.floor(place), ramp.length - 2);
  const mix = (channel: 0 | 1 | 2): number => {
    const [from, to] = [ramp[below]?.[channel] ?? 0, ramp[below + 1]?.[channel] ?? 0];
    return from + (to - from) * (place - below);
  };
  return [mix(0), mix(1), mix(2)];
}
