/** The messages between the page and its worker. Knows neither of them. */

import type { Artifact, Audio, Emission, Model, Transcript } from "../../src/index.js";

export type RuntimeName = "wasm" | "webgpu";

/** The package of the page, or one of the visitor's. */
export type Source =
  | { readonly kind: "shipped"; readonly address: string }
  | { readonly kind: "files"; readonly name: string; readonly files: readonly File[] };

/** An opened package. */
export interface Opened {
  readonly model: Model;
  readonly artifact: Artifact;
  readonly runtime: RuntimeName;
  readonly threads: number; // of WASM
  readonly seconds: number; // from the first byte asked for to a session
  readonly refusal?: string; // the reason against the requested runtime
}

/** The answer for a recording. */
export interface Heard {
  readonly transcript: Transcript;
  readonly emission: Emission;
  readonly seconds: number; // of the run alone
}

/** Body and answer of each request. */
export interface Requests {
  open: { takes: { source: Source; runtime: RuntimeName }; gives: Opened };
  recognize: { takes: { audio: Audio }; gives: Heard };
}

export type Verb = keyof Requests;

export interface Request<V extends Verb = Verb> {
  readonly id: number;
  readonly verb: V;
  readonly body: Requests[V]["takes"];
}

/** News while a request is under way. */
export type News =
  | { readonly kind: "download"; readonly bytes: number; readonly of: number } // of all files so far
  | { readonly kind: "run"; readonly seconds: number; readonly of: number }; // of a long recording

export type Reply =
  | { readonly news: News }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly expected: boolean };
