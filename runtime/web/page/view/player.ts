/** Plays a recording from any time on and reports the time. */

import type { Audio } from "../../src/audio.js";

export class Player {
  private context: AudioContext | undefined;
  private playing: { readonly node: AudioBufferSourceNode; readonly begun: number } | undefined;

  /** `moved` gets the time in seconds with every frame of the screen, and null at the end. */
  constructor(private readonly moved: (seconds: number | null) => void) {}

  get isPlaying(): boolean {
    return this.playing !== undefined;
  }

  play(audio: Audio, from = 0): void {
    this.stop();
    this.context ??= new AudioContext();
    void this.context.resume();
    const buffer = this.context.createBuffer(1, audio.waveform.length, audio.sampleRate);
    buffer.copyToChannel(audio.waveform as Float32Array<ArrayBuffer>, 0);
    const node = this.context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.context.destination);
    node.addEventListener("ended", () => this.playing?.node === node && this.stop());
    node.start(0, from);
    this.playing = { node, begun: this.context.currentTime - from };
    this.follow();
  }

  stop(): void {
    const node = this.playing?.node;
    this.playing = undefined;
    node?.stop();
    this.moved(null);
  }

  private follow(): void {
    if (this.playing === undefined || this.context === undefined) return;
    this.moved(this.context.currentTime - this.playing.begun);
    requestAnimationFrame(() => this.follow());
  }
}
