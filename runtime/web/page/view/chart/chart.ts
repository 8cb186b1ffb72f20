/**
 * The picture of an answer: waveform, emission, tokens and words over one time axis.
 *
 * Draws, and reports clicks; runs nothing.
 */

import type { Audio } from "../../../src/audio.js";
import type { Emission, Model, Transcript } from "../../../src/index.js";
import { paint, readRamp } from "./heatmap.js";
import { type Mark, elements, lanes } from "./marks.js";
import { type Posteriors, likeliest, posteriorsOf } from "./posteriors.js";
import { Scale } from "./scale.js";
import { envelope } from "./waveform.js";

const TOKEN_LETTER_PIXELS = 8; // of the style sheet's fonts
const WORD_LETTER_PIXELS = 10;
const RAMP = ["--heat-0", "--heat-1", "--heat-2", "--heat-3"];
const SPACE = "␣";

export interface Picture {
  readonly audio: Audio;
  readonly transcript: Transcript;
  readonly emission: Emission;
  readonly model: Model;
}

export class Chart {
  /** Called with the time of a click. */
  onSeek: (seconds: number) => void = () => undefined;

  private picture: Picture | undefined;
  private posteriors: Posteriors | undefined;
  private scale = new Scale(1, 1);
  private start = 0; // seconds, of the picture within the recording

  constructor(private readonly root: HTMLElement) {
    new ResizeObserver(() => this.layOut()).observe(this.part("scroll"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.layOut());
    const plot = this.part("plot");
    plot.addEventListener("pointermove", (event) => this.point(this.timeOf(event)));
    plot.addEventListener("pointerleave", () => this.point(null));
    plot.addEventListener("click", (event) => this.onSeek(this.start + this.timeOf(event)));
  }

  /** Show a picture whose first moment is at `start` seconds of the recording. */
  show(picture: Picture, start = 0): void {
    this.picture = picture;
    this.start = start;
    this.posteriors = posteriorsOf(picture.emission, picture.model);
    this.root.hidden = false;
    this.part("scroll").scrollLeft = 0;
    this.layOut();
  }

  /** Put the playhead at a time, or hide it. */
  play(seconds: number | null): void {
    const head = this.part("playhead");
    head.hidden = seconds === null;
    if (seconds === null) return;
    const x = this.scale.x(Math.min(Math.max(0, seconds - this.start), this.scale.seconds));
    head.style.transform = `translateX(${x}px)`;
    const view = this.part("scroll");
    if (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth) view.scrollLeft = x - 40;
  }

  private layOut(): void {
    if (this.picture === undefined || this.posteriors === undefined) return;
    const { transcript } = this.picture;
    this.scale = new Scale(transcript.duration, this.part("scroll").clientWidth);
    this.part("plot").style.width = `${this.scale.width}px`;
    this.root.style.setProperty("--rows", String(this.posteriors.rows.length));
    this.drawWaveform(this.picture.audio);
    this.drawEmission(this.posteriors, this.picture);
    const tokens = transcript.tokens.map((t) => ({ ...t, text: t.text === " " ? SPACE : t.text }));
    this.drawMarks("tokens", tokens, TOKEN_LETTER_PIXELS);
    this.drawMarks("words", transcript.words, WORD_LETTER_PIXELS);
    this.drawBands(transcript.words);
    this.drawAxis();
  }

  private drawWaveform(audio: Audio): void {
    const { path, bins } = envelope(audio.waveform);
    const svg = this.part("waveform");
    svg.setAttribute("viewBox", `0 -1.05 ${bins} 2.1`);
    svg.querySelector("path")?.setAttribute("d", path);
  }

  private drawEmission(shown: Posteriors, { model, transcript }: Picture): void {
    const heat = this.root.querySelector<HTMLCanvasElement>('[data-part="heat"]');
    if (heat === null) return;
    paint(heat, shown, readRamp(this.root, RAMP));
    const seconds = (shown.frames * model.frameStride) / model.sampleRate;
    heat.style.width = `${this.scale.x(seconds)}px`;
    const names = shown.rows.map(({ name }) => {
      const item = document.createElement("li");
      item.textContent = name;
      return item;
    });
    this.part("labels").replaceChildren(...names);
    const rows = new Map(shown.rows.map(({ label }, row) => [model.labels[label], row]));
    const named = transcript.tokens.flatMap((token) => {
      const row = rows.get(token.text === " " ? (model.wordDelimiter ?? " ") : token.text);
      return row === undefined ? [] : [{ mark: { ...token, text: token.text.trim() }, row }];
    });
    const marks = named.map(({ mark }) => mark);
    const places = named.map(({ row }) => row);
    this.part("runs").replaceChildren(...elements(marks, places, this.scale, "span"));
  }

  private drawMarks(part: "tokens" | "words", marks: readonly Mark[], letter: number): void {
    const chosen = lanes(marks, this.scale, letter);
    this.root.style.setProperty(`--${part}-lanes`, String(Math.max(1, ...chosen.map((l) => l + 1))));
    this.part(part).replaceChildren(...elements(marks, chosen, this.scale, "li"));
  }

  private drawBands(words: readonly Mark[]): void {
    const flat = words.map(() => 0);
    const bands = elements(
      words.map((word) => ({ ...word, text: "" })),
      flat,
      this.scale,
      "span",
    );
    this.part("bands").replaceChildren(...bands);
  }

  private drawAxis(): void {
    const ticks = this.scale.ticks().map((seconds) => {
      const tick = document.createElement("span");
      tick.textContent = `${Number((this.start + seconds).toFixed(2))}`;
      tick.style.setProperty("--left", `${this.scale.x(seconds)}px`);
      return tick;
    });
    this.part("axis").replaceChildren(...ticks);
  }

  /** Show the likeliest labels of the frame at a time. */
  private point(seconds: number | null): void {
    const cursor = this.part("cursor");
    cursor.hidden = seconds === null;
    if (seconds === null || this.picture === undefined || this.posteriors === undefined) {
      this.part("reading").textContent = "";
      return;
    }
    const { frameStride, sampleRate } = this.picture.model;
    const frame = Math.floor((seconds * sampleRate) / frameStride);
    cursor.style.transform = `translateX(${this.scale.x(seconds)}px)`;
    const shares = likeliest(this.posteriors, Math.min(frame, this.posteriors.frames - 1))
      .slice(0, 3)
      .filter(([, share]) => share >= 0.01)
      .map(([row, share]) => `${row.name} ${Math.round(share * 100)} %`);
    this.part("reading").textContent = [`${(this.start + seconds).toFixed(2)} s`, ...shares].join(" · ");
  }

  private timeOf(event: MouseEvent): number {
    return this.scale.at(event.clientX - this.part("plot").getBoundingClientRect().left);
  }

  private part(name: string): HTMLElement {
    const found = this.root.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (found === null) throw new Error(`the chart has no part '${name}'`);
    return found;
  }
}
