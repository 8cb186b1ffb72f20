/** Puts the licences of the code and of the shipped model beside the page. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Plugin } from "vite";

const FILES = {
  LICENSE: "licences/LICENSE.txt",
  NOTICE: "licences/NOTICE.txt",
  "LICENSES/CC-BY-SA-4.0.txt": "licences/CC-BY-SA-4.0.txt",
};

/** `root` is the repository's. */
export function licencesPlugin(root: string): Plugin {
  return {
    name: "voxport-licences",
    async generateBundle() {
      for (const [from, fileName] of Object.entries(FILES)) {
        this.emitFile({ type: "asset", fileName, source: await readFile(join(root, from)) });
      }
    },
  };
}
