/**
 * The two builds of ONNX Runtime: WASM for everybody, WebGPU on request.
 *
 * Their binaries come compressed (`download.ts`) and are therefore passed as bytes.
 */

import type { Env } from "onnxruntime-web";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import gpuModule from "onnxruntime-web/ort-wasm-simd-threaded.jsep.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.jsep.wasm?url";

import type { OnnxRuntime } from "../../src/graph.js";
import { download } from "../offline/download.js";
import type { RuntimeName } from "./protocol.js";

/**
 * Precision by runtime: int8 is fastest in WASM; WebGPU has kernels for floats only, and runs the
 * rest, the transcript's strings among it, in WASM.
 */
export const PREFERRED = {
  wasm: { executionProviders: ["wasm"], prefer: "int8" },
  webgpu: { executionProviders: ["webgpu", "wasm"], prefer: "fp32" },
} as const;

const MAX_THREADS = 4; // more do not make a recording of some seconds faster

export interface Runtime {
  readonly ort: OnnxRuntime;
  readonly threads: number;
}

const loaded = new Map<RuntimeName, Promise<Runtime>>();

export function onnxRuntime(name: RuntimeName): Promise<Runtime> {
  const found = loaded.get(name) ?? (name === "webgpu" ? webgpu() : wasm());
  loaded.set(name, found);
  found.catch(() => loaded.delete(name)); // a download may be tried again
  return found;
}

async function wasm(): Promise<Runtime> {
  const [ort, binary] = await Promise.all([import("onnxruntime-web/wasm"), download(wasmBinary)]);
  return { ort, threads: configure(ort.env, wasmModule, binary) };
}

/** Not "onnxruntime-web/webgpu": the CPU kernels of that build lack float64. */
async function webgpu(): Promise<Runtime> {
  const [ort, binary] = await Promise.all([import("onnxruntime-web"), download(gpuBinary)]);
  return { ort, threads: configure(ort.env, gpuModule, binary) };
}

/** Configure a build and return its threads: they need shared memory, and so an isolated page. */
function configure(env: Env, module: string, binary: Uint8Array): number {
  const threads = crossOriginIsolated ? Math.min(MAX_THREADS, navigator.hardwareConcurrency) : 1;
  env.logLevel = "error";
  env.wasm.wasmBinary = binary;
  env.wasm.wasmPaths = { mjs: new URL(module, import.meta.url).href };
  env.wasm.numThreads = threads;
  return threads;
}
