/** The time axis of all rows of the chart: seconds to pixels, and its ticks. */

const MIN_PIXELS_PER_SECOND = 190; // the letters of quick speech do not overlap
const MAX_WIDTH_PIXELS = 24_000;
const MIN_TICK_PIXELS = 64; // between two ticks
const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

export class Scale {
  readonly width: number; // pixels

  constructor(
    readonly seconds: number,
    available: number, // pixels
  ) {
    const wanted = Math.min(seconds * MIN_PIXELS_PER_SECOND, MAX_WIDTH_PIXELS);
    this.width = Math.max(available, Math.ceil(wanted));
  }

  /** Return a time's distance in pixels from the left. */
  x(seconds: number): number {
    return (seconds / this.seconds) * this.width;
  }

  /** Return the time at a distance in pixels from the left. */
  at(x: number): number {
    return Math.min(Math.max(x / this.width, 0), 1) * this.seconds;
  }

  /** Return the times of the ticks in seconds. */
  ticks(): number[] {
    const step = STEPS_S.find((one) => this.x(one) >= MIN_TICK_PIXELS) ?? 60;
    return Array.from({ length: Math.floor(this.seconds / step + 1e-6) + 1 }, (_, i) => i * step);
  }
}
