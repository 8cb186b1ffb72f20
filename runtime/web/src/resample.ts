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
  const divisor = greatestDivisor(from, to);
  const [orig, wanted] = [from / divisor, to / divisor];
  const filters = new Map<number, Filter>(); // by phase: they repeat after `wanted` results
  return new Float32Array(lengthOf(waveform.length, orig, wanted)).map((_, i) => {
    const phase = i % wanted;
    const filter = filters.get(phase) ?? filterOf(phase, orig, wanted);
    filters.set(phase, filter);
    return applied(filter, waveform, Math.floor(i / wanted) * orig);
  });
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
