/** Compresses the page's own downloads: not every server does. */

import { constants, gzipSync } from "node:zlib";

import type { Plugin } from "vite";

export function compressPlugin(isLarge: (fileName: string) => boolean): Plugin {
  return {
    name: "voxport-compress",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        for (const [fileName, output] of Object.entries(bundle)) {
          if (output.type !== "asset" || !isLarge(fileName)) continue;
          const source = gzipSync(output.source, { level: constants.Z_BEST_COMPRESSION });
          this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source });
          delete bundle[fileName];
        }
      },
    },
  };
}
