/**
 * The worker with the model: the page stays responsive while it runs.
 *
 * Answers one request after the other. Knows no document.
 */

import { ChosenFiles } from "../../src/browser/files.js";
import { PackageError, VoxportError, messageOf } from "../../src/errors.js";
import { disagreement } from "../../src/golden.js";
import type { PackageFiles } from "../../src/package.js";
import { Recognizer } from "../../src/recognizer.js";
import { onDownload } from "../offline/download.js";
import type { Heard, News, Opened, Reply, Request, Requests, RuntimeName, Source, Verb } from "./protocol.js";
import { PREFERRED, onnxRuntime } from "./runtimes.js";
import { chooseExamples, shippedPackage } from "./shipped.js";

let current: Recognizer | undefined;
let last: Promise<void> = Promise.resolve();

onDownload((bytes, of) => tell({ kind: "download", bytes, of }));

const handlers: { [V in Verb]: (body: Requests[V]["takes"]) => Promise<Requests[V]["gives"]> } = {
  open: ({ source, runtime }) => open(source, runtime),
  recognize: async ({ audio }): Promise<Heard> => {
    if (current === undefined) throw new VoxportError("no model is loaded");
    const start = performance.now();
    const length = audio.waveform.length / audio.sampleRate;
    const progress = (seconds: number): void => tell({ kind: "run", seconds, of: length });
    const heard = await current.recognize(audio, { progress });
    return { ...heard, seconds: (performance.now() - start) / 1000 };
  },
};

function tell(news: News): void {
  postMessage({ news } satisfies Reply);
}

/** Open a package; the previous one stays open where that fails. */
async function open(source: Source, wanted: RuntimeName): Promise<Opened> {
  const start = performance.now();
  const files: PackageFiles =
    source.kind === "files"
      ? new ChosenFiles(source.name, source.files)
      : shippedPackage(source.address);
  const gpu = wanted === "webgpu" ? await openOnGpu(files) : null;
  const isShipped = source.kind === "shipped";
  const opened = gpu instanceof Recognizer ? gpu : await openOn("wasm", files, isShipped);
  await current?.release();
  current = opened;
  return {
    model: opened.model,
    artifact: opened.artifact,
    runtime: opened === gpu ? "webgpu" : "wasm",
    threads: (await onnxRuntime("wasm")).threads,
    seconds: (performance.now() - start) / 1000,
    ...(typeof gpu === "string" && { refusal: gpu }),
  };
}

/** Open a package on a runtime. `quickly`: fusing a small graph's operators costs more than it saves. */
async function openOn(
  runtime: RuntimeName,
  files: PackageFiles,
  quickly = false,
): Promise<Recognizer> {
  const { executionProviders, prefer } = PREFERRED[runtime];
  const graphOptimizationLevel = quickly ? "disabled" : "all";
  const session = { executionProviders, graphOptimizationLevel } as const;
  const ort = onnxRuntime(runtime).then((loaded) => loaded.ort); // while the model comes
  ort.catch(() => undefined); // reported where it is awaited, unless the package is refused first
  return Recognizer.open(ort, files, { prefer, session });
}

/** Open a package on the GPU; return the recognizer after one right answer, or the refusal's reason. */
async function openOnGpu(files: PackageFiles): Promise<Recognizer | string> {
  try {
    const opened = await openOn("webgpu", files);
    const clip = chooseExamples(opened.manifest).at(-1);
    const bytes = clip && (await files.open(clip));
    if (clip === undefined || !(bytes instanceof Uint8Array)) return opened; // nothing to ask
    const problem = await disagreement(opened, clip, bytes);
    if (problem === null) return opened;
    await opened.release();
    return problem;
  } catch (error) {
    if (error instanceof PackageError) throw error; // WASM could not open it either
    return messageOf(error);
  }
}

async function answer<V extends Verb>({ id, verb, body }: Request<V>): Promise<void> {
  let reply: Reply;
  try {
    reply = { id, value: await handlers[verb](body) };
  } catch (error) {
    reply = { id, error: messageOf(error), expected: error instanceof VoxportError };
  }
  postMessage(reply);
}

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data));
});
