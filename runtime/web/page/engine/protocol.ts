/** What the page and its worker say to each other. Knows neither of them. */

import type { Artifact, Audio, Emission, Model, Transcript } from "../../src/index.js";

export type RuntimeName = "wasm" | "webgpu";

/** The package that comes with the page, or one that the visitor chose. */
export type Source =
  | { readonly kind: "shipped"; readonly address: string }
  | { readonly kind: "files"; readonly name: string; readonly files: readonly File[] };

/** A package that was opened. */
export interface Opened {
  readonly model: Model;
  readonly artifact: Artifact;
  readonly runtime: RuntimeName;
  readonly threads: number; // of WASM
  readonly seconds: number; // from the first byte asked for to a session
  readonly refusal?: string; // why it is not the runtime that was asked for
}

/** What was heard. */
export interface Heard {
  readonly transcript: Transcript;
  readonly emission: Emission;
  readonly seconds: number; // of the run alone
}

/** What each request takes and gives. */
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

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly expected: boolean };
