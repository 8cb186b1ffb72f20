/**
 * Recordings as a browser decodes them: any format that it knows, at the rate of a model.
 *
 * Browsers decode the rest of a cut file in silence; pages, frames and counts of its container are
 * therefore checked first, and the decoded length last.
 */

import { type Audio, checkedAudio, mixed } from "../audio.js";
import { ascii } from "../bytes.js";
import { AudioError, messageOf } from "../errors.js";
import { flacLength, flacSamples } from "../flac.js";
import { mpegFrames } from "../mpeg.js";
import { oggProblem } from "../ogg.js";
import { isWav, readWav } from "../wav.js";

const SLACK_SECONDS = 0.05; // resampling and a codec's delay

/** Read `file`, resampled by the browser where it has another rate. */
export async function readAudio(file: Blob, name: string, sampleRate: number): Promise<Audio> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes.length === 0) throw new AudioError("the file is empty (0 bytes)", name);
  if (isWav(bytes)) {
    const audio = readWav(bytes, name); // and so checked, at every rate
    if (audio.sampleRate === sampleRate) return audio;
  }
  const promised = promisedSeconds(bytes, name);
  const decoded = await decode(bytes, name, sampleRate);
  if (decoded.duration + SLACK_SECONDS < promised) {
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

/** Return the duration that the container tells, 0 where it does not; refuse one that is incomplete. */
function promisedSeconds(bytes: Uint8Array, name: string): number {
  if (ascii(bytes, 0) === "OggS") {
    const problem = oggProblem(bytes);
    if (problem !== null) throw new AudioError(problem, name);
  }
  const flac = flacLength(bytes);
  const mpeg = flac === null ? mpegFrames(bytes) : null;
  if (mpeg !== null) {
    if (mpeg.problem !== null) throw new AudioError(mpeg.problem, name);
    return Math.max(0, mpeg.samples - mpeg.slack) / mpeg.sampleRate;
  }
  if (flac === null) return 0;
  if (flac.problem !== null) throw new AudioError(flac.problem, name);
  return flac.sampleRate > 0 ? flacSamples(flac) / flac.sampleRate : 0;
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
