/** A recording from the microphone, with its level. Sends nothing anywhere. */

import { VoxportError, messageOf } from "../../src/errors.js";

export class Microphone {
  private readonly parts: Blob[] = [];
  private readonly samples: Float32Array<ArrayBuffer>;

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    this.samples = new Float32Array(analyser.fftSize);
    recorder.addEventListener("dataavailable", ({ data }) => this.parts.push(data));
    recorder.start();
  }

  /** Ask the visitor for the microphone and start. */
  static async start(): Promise<Microphone> {
    if (navigator.mediaDevices === undefined) {
      throw new VoxportError("a microphone needs https or localhost", "microphone");
    }
    try {
      const audio = { channelCount: 1, echoCancellation: false };
      const stream = await navigator.mediaDevices.getUserMedia({ audio });
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(stream).connect(analyser);
      return new Microphone(stream, new MediaRecorder(stream), context, analyser);
    } catch (error) {
      throw new VoxportError(`cannot be used: ${messageOf(error)}`, "microphone", { cause: error });
    }
  }

  /** Return the loudest sample of the last moments, 0 to 1. */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    return this.samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  }

  /** End the recording and release the microphone. */
  async stop(): Promise<Blob> {
    const stopped = new Promise((resolve) => {
      this.recorder.addEventListener("stop", resolve, { once: true });
    });
    this.recorder.stop();
    await stopped;
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    return new Blob(this.parts, { type: this.recorder.mimeType });
  }
}
