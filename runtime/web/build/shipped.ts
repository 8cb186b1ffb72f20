/**
 * Puts a package beside the page: its manifest, the artifacts that the page runs, some golden clips.
 *
 * The package is $VOXPORT_PACKAGE, or the one that ships with voxport; it is not committed twice.
 */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { Plugin } from "vite";

import { chooseExamples } from "../page/engine/shipped.ts";
import type { FileEntry } from "../src/file-entry.ts";
import { checked, sha256 } from "../src/integrity.ts";
import { FILE_NAME } from "../src/manifest.ts";
import { chooseArtifact, readManifest } from "../src/package.ts";

const DEFAULT = "../voxport/packages/commands";

interface Shipped {
  readonly name: string; // of its folder beside the page, another one for another package
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly onRequest: readonly string[]; // for WebGPU only
}

export async function shipped(root: string): Promise<Shipped> {
  const folder = resolve(root, process.env["VOXPORT_PACKAGE"] ?? DEFAULT);
  const read = (path: string): Promise<Uint8Array> => readFile(join(folder, path));
  const raw = await read(FILE_NAME);
  const files = { name: folder, manifest: async () => raw, open: (entry: FileEntry) => read(entry.path) };
  const manifest = await readManifest(files);
  const [wasm, webgpu] = (["int8", "fp32"] as const).map((prefer) => {
    const artifact = chooseArtifact(manifest, { prefer }, folder);
    return [artifact, ...artifact.externalData];
  }) as [FileEntry[], FileEntry[]];
  const found = new Map([[FILE_NAME, raw]]);
  for (const entry of [...wasm, ...webgpu, ...chooseExamples(manifest)]) {
    found.set(entry.path, await checked(await read(entry.path), entry, join(folder, entry.path)));
  }
  return {
    name: `package-${(await sha256(raw)).slice(0, 8)}`,
    files: found,
    onRequest: webgpu.filter((entry) => !wasm.includes(entry)).map(({ path }) => path),
  };
}

/** Emit the package in a build and serve it in development. */
export function shippedPlugin({ name, files }: Shipped): Plugin {
  return {
    name: "voxport-shipped",
    generateBundle() {
      for (const [path, source] of files) {
        this.emitFile({ type: "asset", fileName: `${name}/${path}`, source });
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = files.get(request.url?.split(`/${name}/`)[1] ?? "");
        if (file === undefined) next();
        else response.end(file);
      });
    },
  };
}
