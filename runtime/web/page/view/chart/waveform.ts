/** The envelope of a recording as the path of an SVG: one unit wide a bin, from -1 to 1. */

const MAX_BINS = 3000; // more than pixels on a screen

export interface Envelope {
  readonly path: string;
  readonly bins: number;
}

export function envelope(waveform: Float32Array): Envelope {
  const bins = Math.min(MAX_BINS, waveform.length);
  const loudest = waveform.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-3);
  const upper: string[] = [];
  const lower: string[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const start = Math.floor((bin * waveform.length) / bins);
    const end = Math.floor(((bin + 1) * waveform.length) / bins);
    const [least, most] = range(waveform.subarray(start, end));
    upper.push(`${bin} ${(-most / loudest).toFixed(3)}`);
    lower.push(`${bin} ${(-least / loudest).toFixed(3)}`);
  }
  return { path: `M${[...upper, ...lower.reverse()].join("L")}Z`, bins };
}

function range(samples: Float32Array): [number, number] {
  let least = Infinity;
  let most = -Infinity;
  for (const sample of samples) {
    least = Math.min(least, sample);
    most = Math.max(most, sample);
  }
  return [least, most];
}
