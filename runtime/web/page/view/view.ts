/** The document: shows answers and reports the visitor's actions. Decides nothing. */

import type { Audio } from "../../src/audio.js";
import { type Transcript, type Word, rounded } from "../../src/index.js";
import type { GoldenClip } from "../../src/manifest.js";
import { Chart, type Picture } from "./chart/chart.js";
import type { Opened, RuntimeName } from "../engine/protocol.js";

const UNSURE_SCORE = 0.6; // words below it are marked

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
  }

  end(): void {
    answerSection().ariaBusy = "false";
  }

  problem(message: string): void {
    byId("problem").textContent = message;
    byId("problem").hidden = false;
    byId("problem").scrollIntoView({ block: "nearest" }); // the visitor may have scrolled past it
    const waiting = document.querySelector(".wait");
    if (waiting) waiting.textContent = "Nothing yet";
  }

  showAnswer(answer: Answer): void {
    const { transcript, seconds } = answer;
    this.words = transcript.words;
    byId("transcript").replaceChildren(...spans(transcript));
    byId("recording").textContent = answer.name;
    byId("rows").replaceChildren(...transcript.words.map(tableRow));
    byId("duration").textContent = `${transcript.duration.toFixed(2)} s`;
    byId("heard").textContent = `${seconds.toFixed(2)} s`;
    byId("speed").textContent = `${(transcript.duration / seconds).toFixed(0)}×`;
    byId<HTMLButtonElement>("play").disabled = false;
    for (const button of document.querySelectorAll("#examples button")) {
      button.ariaPressed = String((button as HTMLElement).dataset["path"] === answer.name);
    }
    this.chart.show(answer);
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
      button.textContent = clip.transcript;
      button.dataset["path"] = clip.path;
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
    meter.hidden = level === null;
    byId("speak").classList.toggle("recording", level !== null);
    byId("speak-label").textContent = level === null ? "Speak" : "Stop and transcribe";
    const follow = (): void => {
      if (meter.hidden || level === null) return;
      meter.value = level();
      requestAnimationFrame(follow);
    };
    follow();
  }

  play(seconds: number | null): void {
    this.chart.play(seconds);
    byId("play").textContent = seconds === null ? "Play" : "Stop";
    document.querySelectorAll("#transcript .word").forEach((span, i) => {
      const word = this.words[i];
      const isNow = seconds !== null && word !== undefined && word.start <= seconds;
      span.classList.toggle("now", isNow && seconds < word.end + 0.1);
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
