/**
 * Sample-rate conversion, equal to `torchaudio.functional.resample`'s defaults within 1e-5.
 *
 * Models were trained on what torchaudio's resampler gives: a windowed sinc (Hann window, 6 zero
 * crossings, cut-off at 0.99 of the lower Nyquist rate). Graphs resample by themselves too, but
 * ONNX Runtime's JavaScript cannot give them the optional input that asks for it.
 */

const CROSSINGS = 6; // of zero by the sinc, on either side
const ROLLOFF = 0.99;

/** Convert `waveform` (S samples at `from` Hz) to nearly S * to / from samples at `to` Hz. */
export function resample(waveform: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return waveform;
  const resampler = new Resampler(from, to);
  const [most, rest] = [resampler.push(waveform), resampler.finish()];
  const result = new Float32Array(most.length + rest.length);
  result.set(most);
  result.set(rest, most.length);
  return result;
}

/** Sample-rate conversion block by block: no block's edge shows in the result. */
export class Resampler {
  private readonly orig: number; // samples in of a step, after which the filters repeat
  private readonly wanted: number; // samples out of a step
  private readonly filters = new Map<number, Filter>(); // by phase
  private pending = new Float32Array(); // samples that are still needed
  private first = 0; // of them, counted from the recording's start
  private given = 0; // samples out

  constructor(from: number, to: number) {
    const divisor = greatestDivisor(from, to);
    [this.orig, this.wanted] = [from / divisor, to / divisor];
  }

  /** Return the samples complete after one block more. */
  push(block: Float32Array): Float32Array {
    if (this.orig === this.wanted) return block;
    const pending = new Float32Array(this.pending.length + block.length);
    pending.set(this.pending);
    pending.set(block, this.pending.length);
    this.pending = pending;
    const taken = this.first + pending.length;
    let end = this.given; // of the results
    while (this.lastSample(end) < taken) end++;
    const result = this.results(end);
    const least = this.place(end) + this.filter(end).start - 1;
    const dropped = Math.min(Math.max(0, least - this.first), pending.length);
    this.pending = pending.slice(dropped);
    this.first += dropped;
    return result;
  }

  /** Return the rest, once the last block was pushed. */
  finish(): Float32Array {
    if (this.orig === this.wanted) return new Float32Array();
    const length = lengthOf(this.first + this.pending.length, this.orig, this.wanted);
    return this.results(Math.max(this.given, length));
  }

  /** Return the results up to one of them. */
  private results(end: number): Float32Array {
    const result = new Float32Array(end - this.given);
    for (let i = 0; i < result.length; i++) {
      const number = this.given + i;
      result[i] = applied(this.filter(number), this.pending, this.place(number) - this.first);
    }
    this.given = end;
    return result;
  }

  /** Return the step's first sample of a result. */
  private place(result: number): number {
    return Math.floor(result / this.wanted) * this.orig;
  }

  /** Return the last sample under a result. */
  private lastSample(result: number): number {
    const { start, weights } = this.filter(result);
    return this.place(result) + start + weights.length - 1;
  }

  private filter(result: number): Filter {
    const phase = result % this.wanted;
    const filter = this.filters.get(phase) ?? filterOf(phase, this.orig, this.wanted);
    this.filters.set(phase, filter);
    return filter;
  }
}

/** The weights of the samples that one result sums up. */
interface Filter {
  readonly start: number; // of its first weight, from the step's first sample
  readonly weights: Float32Array;
}

function applied({ start, weights }: Filter, waveform: Float32Array, step: number): number {
  const first = step + start;
  const end = Math.min(weights.length, waveform.length - first);
  let sum = 0;
  for (let i = Math.max(0, -first); i < end; i++) {
    sum += (weights[i] ?? 0) * (waveform[first + i] ?? 0);
  }
  return sum;
}

/** Compute in float32 throughout, as torchaudio does: its rounding is larger than 1e-5. */
function filterOf(phase: number, orig: number, wanted: number): Filter {
  const f = Math.fround;
  const base = Math.min(orig, wanted) * ROLLOFF;
  const width = Math.ceil((CROSSINGS * orig) / base);
  const start = Math.floor((phase * orig) / wanted) - width;
  const scale = f(base / orig);
  const weights = new Float32Array(2 * width + 2).map((_, i) => {
    const place = f(f((start + i) / f(orig)) + f(-phase / f(wanted)));
    const t = Math.min(Math.max(f(place * f(base)), -CROSSINGS), CROSSINGS);
    const window = f(Math.cos(f(f(f(t * f(Math.PI)) / CROSSINGS) / 2)) ** 2);
    const angle = f(t * f(Math.PI));
    const sinc = angle === 0 ? 1 : f(f(Math.sin(angle)) / angle);
    return f(sinc * f(window * scale));
  });
  return { start, weights };
}

/** Return the result's number of samples: torchaudio takes the ceiling of a float32. */
function lengthOf(samples: number, orig: number, wanted: number): number {
  const ceiling = Math.ceil(Math.fround((wanted * samples) / orig));
  return Math.min(ceiling, (Math.floor(samples / orig) + 1) * wanted);
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
