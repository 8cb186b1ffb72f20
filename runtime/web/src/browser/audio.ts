/**
 * Recordings as a browser decodes them: any format that it knows, at the rate that a model wants.
 *
 * Browsers decode what is left of a cut file and say nothing; what its container tells is therefore
 * checked first, and the decoded length last.
 */

import { type Audio, checkedAudio, mixed } from "../audio.js";
import { AudioError, messageOf } from "../errors.js";
import { isWav, readWav } from "../wav.js";
import { problemOf, promisedSeconds } from "./truncation.js";

const SLACK = 0.05; // seconds: resampling and a codec's delay

/** The audio in `file`, resampled by the browser where it has another rate. */
export async function readAudio(file: Blob, name: string, sampleRate: number): Promise<Audio> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes.length === 0) throw new AudioError("the file is empty (0 bytes)", name);
  if (isWav(bytes)) {
    const audio = readWav(bytes, name);
    if (audio.sampleRate === sampleRate) return audio;
  }
  const problem = problemOf(bytes);
  if (problem !== null) throw new AudioError(problem, name);
  const promised = promisedSeconds(bytes);
  const decoded = await decode(bytes, name, sampleRate);
  if (promised !== null && decoded.duration + SLACK < promised) {
    throw new AudioError(
      `truncated: the file ends after ${decoded.duration.toFixed(2)} s of ${promised.toFixed(2)} s`,
      name,
    );
  }
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, channel) => {
    return decoded.getChannelData(channel);
  });
  return checkedAudio(mixed(channels), sampleRate, name);
}

async function decode(bytes: Uint8Array, name: string, sampleRate: number): Promise<AudioBuffer> {
  const context = new OfflineAudioContext(1, 1, sampleRate);
  try {
    return await context.decodeAudioData(bytes.slice().buffer);
  } catch (error) {
    const reason = `not audio that this browser decodes, or damaged (${messageOf(error)})`;
    throw new AudioError(reason, name, { cause: error });
  }
}
