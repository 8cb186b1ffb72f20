/** The document: shows answers and reports the visitor's actions. Decides nothing. */

import type { Audio } from "../../src/audio.js";
import { framesOf } from "../../src/emission.js";
import { FORMATS, type Format, formatTranscript } from "../../src/formats.js";
import { type Transcript, type Word, rounded } from "../../src/index.js";
import type { GoldenClip } from "../../src/manifest.js";
import { Chart, type Picture } from "./chart/chart.js";
import type { News, Opened, RuntimeName } from "../engine/protocol.js";

const UNSURE_SCORE = 0.6; // words below it are marked; the legend names it
const PART_SECONDS = 60; // of a long recording, in the picture at a time
const TYPES: Partial<Record<Format, string>> = { json: "application/json", vtt: "text/vtt" };

export interface Answer extends Picture {
  readonly audio: Audio;
  readonly name: string;
  readonly seconds: number; // of the run
}

/** The visitor's actions. */
export interface Actions {
  speak(): void;
  file(files: File[]): void;
  drop(transfer: DataTransfer): void;
  play(): void;
  seek(seconds: number): void;
  runtime(name: RuntimeName): void;
}

export class View {
  private readonly chart = new Chart(byId("chart"));
  private words: readonly Word[] = [];
  private answer: Answer | undefined;
  private part = 0; // of the recording, in the picture

  constructor() {
    byId("copy").addEventListener("click", () => void this.copy());
    byId("earlier").addEventListener("click", () => this.showPart(this.part - 1));
    byId("later").addEventListener("click", () => this.showPart(this.part + 1));
    byId("downloads").replaceChildren(...this.downloadButtons());
    const links = Object.entries(__LINKS__).map(([name, address]) => {
      const link = document.createElement("a");
      link.href = address ?? "";
      link.textContent = name;
      link.hidden = address === null;
      return link;
    });
    byId("links").prepend(...links);
  }

  on(actions: Actions): void {
    byId("speak").addEventListener("click", actions.speak);
    byId("play").addEventListener("click", actions.play);
    this.chart.onSeek = actions.seek;
    for (const [button, input] of [["open", "file"], ["choose", "folder"]] as const) {
      const field = byId<HTMLInputElement>(input);
      byId(button).addEventListener("click", () => field.click());
      field.addEventListener("change", () => {
        actions.file(Array.from(field.files ?? []));
        field.value = ""; // so that the same file can be chosen again
      });
    }
    for (const radio of radios()) {
      radio.addEventListener("change", () => actions.runtime(radio.value as RuntimeName));
    }
    this.onDrop(actions.drop);
  }

  begin(): void {
    byId("problem").hidden = true;
    answerSection().ariaBusy = "true";
    byId("status").textContent = "Listening to the recording";
  }

  /** Take the last answer away: what stands there must be of the last recording. */
  clear(): void {
    this.answer = undefined;
    this.words = [];
    const none = element("span", "Nothing yet");
    none.className = "wait";
    byId("transcript").replaceChildren(none);
    byId("recording").textContent = "";
    byId("rows").replaceChildren();
    for (const id of ["duration", "heard", "speed"]) byId(id).textContent = "–";
    for (const id of ["unsure", "parts", "chart"]) byId(id).hidden = true;
    this.enableActions(false);
    this.markExample(null);
  }

  /** Show how far a download or a long recording is. */
  showNews(news: News): void {
    const [done, of] = news.kind === "run" ? [news.seconds, news.of] : [news.bytes, news.of];
    if (answerSection().ariaBusy !== "true" || of <= 0) return;
    byId("progress").hidden = false;
    byId<HTMLProgressElement>("progress-bar").value = Math.min(1, done / of);
    byId("progress-label").textContent =
      news.kind === "run"
        ? `${clock(done)} of ${clock(of)} heard`
        : `${megabytes(done)} of ${megabytes(Math.max(done, of))} MB downloaded`;
  }

  end(): void {
    answerSection().ariaBusy = "false";
    byId("progress").hidden = true;
  }

  problem(message: string): void {
    byId("problem").textContent = message;
    byId("problem").hidden = false;
    byId("status").textContent = "";
    byId("problem").scrollIntoView({ block: "nearest" }); // the visitor may have scrolled past it
    const waiting = document.querySelector(".wait");
    if (waiting) waiting.textContent = "Nothing yet";
  }

  showAnswer(answer: Answer): void {
    const { transcript, seconds } = answer;
    this.answer = answer;
    this.words = transcript.words;
    byId("transcript").replaceChildren(...spans(transcript));
    byId("recording").textContent = answer.name;
    byId("rows").replaceChildren(...transcript.words.map(tableRow));
    byId("duration").textContent = `${transcript.duration.toFixed(2)} s`;
    byId("heard").textContent = `${seconds.toFixed(2)} s`;
    byId("speed").textContent = `${(transcript.duration / seconds).toFixed(0)}×`;
    byId("unsure").hidden = transcript.words.every(({ score }) => score >= UNSURE_SCORE);
    byId("status").textContent = `Transcript: ${transcript.text.trim() || "no words"}`;
    this.enableActions(true);
    this.markExample(answer.name);
    this.showPart(0);
    if (performance.getEntriesByName("transcript").length === 0) performance.mark("transcript");
  }

  showModel({ model, artifact, runtime, threads, seconds }: Opened): void {
    const size = (artifact.bytes / 1e6).toFixed(1);
    const parameters = (model.parameters / 1e6).toFixed(1);
    const on = runtime === "wasm" && threads > 1 ? `, on ${threads} threads` : "";
    byId("model").textContent =
      `${model.name}: ${parameters} million parameters, ${artifact.precision}, ${size} MB, ` +
      `${model.labels.length} labels, ${model.sampleRate / 1000} kHz${on}. ` +
      `Licence of the weights: ${model.licence}.`;
    byId("ready").textContent = `${seconds.toFixed(2)} s`;
    byId("vocabulary").hidden = model.vocabulary === null;
    byId("vocabulary").textContent = `It understands ${model.vocabulary ?? ""}.`;
  }

  showRuntime(name: RuntimeName): void {
    for (const radio of radios()) radio.checked = radio.value === name;
  }

  offerWebGpu(isThere: boolean): void {
    for (const radio of radios()) radio.disabled = radio.value === "webgpu" && !isThere;
    const told = isThere ? "another 7 MB, and the fp32 model" : "this browser offers no WebGPU";
    byId("gpu").textContent = told;
  }

  offerExamples(clips: readonly GoldenClip[], choose: (clip: GoldenClip) => void): void {
    const buttons = clips.map((clip) => {
      const button = document.createElement("button");
      button.type = "button";
      const said = clip.transcript.toLowerCase();
      button.textContent = said;
      button.dataset["said"] = said;
      button.ariaPressed = "false";
      button.addEventListener("click", () => choose(clip));
      return button;
    });
    byId("examples").replaceChildren(...buttons);
  }

  showOffline(): void {
    byId("offline").hidden = false;
  }

  /** Show the level of a recording, asked for with every frame of the screen, until `level` is null. */
  showRecording(level: (() => number) | null): void {
    const meter = byId<HTMLMeterElement>("level");
    const begun = performance.now();
    byId("listening").hidden = level === null;
    byId("status").textContent = level === null ? "Recording stopped" : "Recording";
    byId("speak").classList.toggle("recording", level !== null);
    byId("speak-label").textContent = level === null ? "Speak" : "Stop and transcribe";
    const follow = (): void => {
      if (byId("listening").hidden || level === null) return;
      meter.value = level();
      const now = clock((performance.now() - begun) / 1000);
      if (byId("clock").textContent !== now) byId("clock").textContent = now;
      requestAnimationFrame(follow);
    };
    follow();
  }

  play(seconds: number | null): void {
    const part = Math.floor((seconds ?? 0) / PART_SECONDS);
    if (seconds !== null && part !== this.part && seconds < (this.answer?.transcript.duration ?? 0)) {
      this.showPart(part);
    }
    this.chart.play(seconds);
    byId("play").textContent = seconds === null ? "Play" : "Stop";
    document.querySelectorAll("#transcript .word").forEach((span, i) => {
      const word = this.words[i];
      const isNow = seconds !== null && word !== undefined && word.start <= seconds;
      span.classList.toggle("now", isNow && seconds < word.end + 0.1);
    });
  }

  /** Draw one part of the recording: a picture of an hour could not be read. */
  private showPart(part: number): void {
    if (this.answer === undefined) return;
    const { duration } = this.answer.transcript;
    const parts = Math.max(1, Math.ceil(duration / PART_SECONDS));
    this.part = Math.min(Math.max(part, 0), parts - 1);
    const start = this.part * PART_SECONDS;
    const end = Math.min(duration, start + PART_SECONDS);
    this.chart.show(parts === 1 ? this.answer : partOf(this.answer, start, end), start);
    byId("parts").hidden = parts === 1;
    byId("part").textContent = `${clock(start)} to ${clock(end)} of ${clock(duration)}`;
    byId<HTMLButtonElement>("earlier").disabled = this.part === 0;
    byId<HTMLButtonElement>("later").disabled = this.part === parts - 1;
  }

  private enableActions(isEnabled: boolean): void {
    for (const id of ["play", "copy"]) byId<HTMLButtonElement>(id).disabled = !isEnabled;
    for (const button of byId("downloads").querySelectorAll("button")) button.disabled = !isEnabled;
  }

  private markExample(name: string | null): void {
    for (const button of document.querySelectorAll<HTMLElement>("#examples button")) {
      button.ariaPressed = String(button.dataset["said"] === name);
    }
  }

  private async copy(): Promise<void> {
    if (this.answer === undefined) return;
    try {
      await navigator.clipboard.writeText(this.answer.transcript.text.trim());
      byId("status").textContent = "Copied";
      byId("copy").textContent = "Copied";
    } catch {
      byId("copy").textContent = "Not allowed here";
    }
    setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
  }

  private downloadButtons(): HTMLElement[] {
    return FORMATS.filter((format) => format !== "tsv").map((format) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = format;
      button.ariaLabel = `Download as ${format}`;
      button.disabled = true;
      button.addEventListener("click", () => this.answer && save(this.answer, format));
      return button;
    });
  }

  private onDrop(drop: Actions["drop"]): void {
    const cover = byId("drop");
    addEventListener("dragover", (event) => {
      event.preventDefault();
      cover.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) cover.hidden = true;
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      cover.hidden = true;
      if (event.dataTransfer) drop(event.dataTransfer);
    });
  }
}

function spans({ text, words }: Transcript): Node[] {
  if (words.length === 0) {
    const none = element("span", text.trim() || "No words");
    none.className = "wait";
    return [none];
  }
  return words.flatMap((word) => {
    const span = element("span", word.text);
    span.className = word.score < UNSURE_SCORE ? "word unsure" : "word";
    const [start, end, score] = [word.start, word.end, word.score].map(decimals);
    span.title = `${start} to ${end} s, score ${score}`;
    return [span, document.createTextNode(" ")];
  });
}

function tableRow({ text, start, end, score }: Word): HTMLElement {
  const row = document.createElement("tr");
  const cells = [text, decimals(start), decimals(end), decimals(score)];
  row.append(...cells.map((cell) => element("td", cell)));
  return row;
}

/** Return the part of an answer from `start` to `end` seconds, its times from there on. */
function partOf(answer: Answer, start: number, end: number): Picture {
  const { audio, transcript, emission, model } = answer;
  const within = <T extends { start: number; end: number }>(marks: readonly T[]): T[] =>
    marks
      .filter((mark) => mark.end > start && mark.start < end)
      .map((mark) => ({
        ...mark,
        start: Math.max(0, mark.start - start),
        end: Math.min(end, mark.end) - start,
      }));
  const frame = (seconds: number): number => Math.round((seconds * model.sampleRate) / model.frameStride);
  const samples = [start, end].map((seconds) => Math.round(seconds * audio.sampleRate));
  return {
    audio: { ...audio, waveform: audio.waveform.subarray(...(samples as [number, number])) },
    emission: framesOf(emission, frame(start), frame(end)),
    transcript: {
      ...transcript,
      duration: end - start,
      words: within(transcript.words),
      tokens: within(transcript.tokens),
    },
    model,
  };
}

/** Let the visitor save the transcript as a file. */
function save({ transcript, name }: Answer, format: Format): void {
  const type = `${TYPES[format] ?? "text/plain"};charset=utf-8`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([formatTranscript(transcript, format, name)], { type }));
  link.download = `${name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Return 1:02 or 1:00:02. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function decimals(value: number): string {
  return rounded(value).toFixed(2);
}

function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function radios(): NodeListOf<HTMLInputElement> {
  return document.querySelectorAll<HTMLInputElement>("[name=runtime]");
}

function answerSection(): HTMLElement {
  const section = document.querySelector<HTMLElement>(".answer");
  if (section === null) throw new Error("the page has no answer");
  return section;
}

function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}
