/**
 * The page: turns a visitor's actions into requests to the engine, and its answers into a view.
 *
 * One recording and one package at a time; of several requests the last one's answer is shown.
 */

import type { Audio } from "../src/audio.js";
import { readAudio } from "../src/browser/audio.js";
import { VoxportError, messageOf } from "../src/errors.js";
import type { GoldenClip } from "../src/manifest.js";
import { Engine } from "./engine/engine.js";
import { type Incoming, classify, dropped } from "./input/incoming.js";
import { Microphone } from "./input/microphone.js";
import { workOffline } from "./offline/register.js";
import { Player } from "./view/player.js";
import type { Opened, RuntimeName, Source } from "./engine/protocol.js";
import { readExample, readExamples } from "./engine/shipped.js";
import { View } from "./view/view.js";

const PACKAGE = new URL(__PACKAGE__, document.baseURI).href;
const MAX_SPOKEN_SECONDS = 3600; // into the microphone

const view = new View();
const engine = new Engine((news) => view.showNews(news));
const player = new Player((seconds) => view.play(seconds));

let source: Source = { kind: "shipped", address: PACKAGE };
let runtime: RuntimeName = "wasm";
let ready: Promise<Opened> = opened(source, runtime);
let shown: { audio: Audio; name: string } | undefined;
let turn = 0; // of requests: an answer overtaken by a later one is not shown
let microphone: Microphone | undefined;

async function opened(from: Source, on: RuntimeName): Promise<Opened> {
  const answer = await engine.ask("open", { source: from, runtime: on });
  view.showModel(answer);
  return answer;
}

/**
 * Run a visitor's request, and show the reason where it fails; `clears`: the answer in view, of another
 * recording, then goes.
 */
async function attempt(
  work: (isLast: () => boolean) => Promise<void>,
  clears = true,
): Promise<void> {
  const mine = ++turn;
  const isLast = (): boolean => mine === turn;
  view.begin();
  try {
    await work(isLast);
  } catch (error) {
    if (!(error instanceof VoxportError)) console.error(error);
    if (isLast()) {
      if (clears) clear();
      view.problem(messageOf(error));
    }
  } finally {
    if (isLast()) view.end();
  }
}

function clear(): void {
  player.stop();
  view.clear();
  shown = undefined;
}

async function recognize(audio: Audio, name: string, isLast: () => boolean): Promise<void> {
  const { model } = await ready;
  const heard = await engine.ask("recognize", { audio });
  if (!isLast()) return;
  player.stop();
  shown = { audio, name };
  view.showAnswer({ audio, name, model, ...heard });
}

function take(incoming: Incoming): Promise<void> {
  return incoming.kind === "package" ? usePackage(incoming) : transcribe(incoming.file);
}

function transcribe(file: Blob, name = file instanceof File ? file.name : "microphone"): Promise<void> {
  return attempt(async (isLast) => {
    const { model } = await ready;
    await recognize(await readAudio(file, name, model.sampleRate), name, isLast);
  });
}

function tryExample(clip: GoldenClip): Promise<void> {
  return attempt(async (isLast) => {
    await recognize(await readExample(PACKAGE, clip), clip.transcript.toLowerCase(), isLast);
  });
}

/** Open another package or runtime, and run it on the recording in view. */
function reopen(next: Source, on: RuntimeName): Promise<void> {
  return attempt(async (isLast) => {
    const answer = await opened(next, on);
    ready = Promise.resolve(answer);
    [source, runtime] = [next, answer.runtime];
    if (answer.refusal) view.problem(`WebGPU cannot be used here, WASM is: ${answer.refusal}`);
    if (shown?.audio.sampleRate === answer.model.sampleRate) {
      await recognize(shown.audio, shown.name, isLast);
    }
  }, false);
}

async function usePackage({ name, files }: Extract<Incoming, { kind: "package" }>): Promise<void> {
  await reopen({ kind: "files", name, files }, runtime);
}

async function switchRuntime(on: RuntimeName): Promise<void> {
  await reopen(source, on);
  view.showRuntime(runtime); // the previous one, where the other cannot run here
}

async function speak(): Promise<void> {
  if (microphone !== undefined) {
    const stopping = microphone;
    microphone = undefined;
    view.showRecording(null);
    return transcribe(await stopping.stop());
  }
  player.stop();
  try {
    const started = await Microphone.start();
    microphone = started;
    const begun = performance.now();
    view.showRecording(() => {
      if (performance.now() > begun + MAX_SPOKEN_SECONDS * 1000 && microphone === started) void speak();
      return started.level();
    });
  } catch (error) {
    view.problem(messageOf(error));
  }
}

function play(from: number): void {
  if (shown !== undefined) player.play(shown.audio, from);
}

view.on({
  speak: () => void speak(),
  file: (files) => void attemptIncoming(() => classify(files)),
  drop: (transfer) => void attemptIncoming(() => dropped(transfer)),
  play: () => (player.isPlaying ? player.stop() : play(0)),
  seek: play,
  runtime: (name) => void switchRuntime(name),
});

/** Take an input, which may itself be the problem. */
async function attemptIncoming(read: () => Incoming | Promise<Incoming>): Promise<void> {
  try {
    await take(await read());
  } catch (error) {
    view.problem(messageOf(error));
  }
}

async function webGpu(): Promise<boolean> {
  const adapter = await Promise.resolve(navigator.gpu?.requestAdapter()).catch(() => null);
  return adapter !== null && adapter !== undefined;
}

async function start(): Promise<void> {
  ready.catch(() => undefined); // reported with the first recording
  void webGpu().then((isThere) => view.offerWebGpu(isThere));
  const clips = await readExamples(PACKAGE).catch(() => []);
  view.offerExamples(clips, (clip) => void tryExample(clip));
  const [first] = clips;
  if (turn === 0) await (first ? tryExample(first) : attempt(async () => void (await ready)));
  if (await workOffline()) view.showOffline();
}

void start();
