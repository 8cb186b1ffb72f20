/** The time axis that every row of the chart shares: seconds to pixels, and where its ticks are. */

const LEAST = 190; // pixels a second: the letters of quick speech still have places of their own
const MOST_WIDTH = 24_000; // pixels
const TICK = 64; // pixels between two ticks, at the least
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]; // seconds

export class Scale {
  readonly width: number; // pixels

  constructor(
    readonly seconds: number,
    available: number, // pixels
  ) {
    const wanted = Math.min(seconds * LEAST, MOST_WIDTH);
    this.width = Math.max(available, Math.ceil(wanted));
  }

  /** Pixels from the left. */
  x(seconds: number): number {
    return (seconds / this.seconds) * this.width;
  }

  /** The time at so many pixels from the left. */
  at(x: number): number {
    return Math.min(Math.max(x / this.width, 0), 1) * this.seconds;
  }

  /** Seconds. */
  ticks(): number[] {
    const step = STEPS.find((one) => this.x(one) >= TICK) ?? 60;
    return Array.from({ length: Math.floor(this.seconds / step + 1e-6) + 1 }, (_, i) => i * step);
  }
}
