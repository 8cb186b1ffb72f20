/** Writes the service worker with the names of the build's files. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Plugin } from "vite";

const TEMPLATE = new URL("../page/offline/service-worker.js", import.meta.url);

export function offlinePlugin(
  isOnRequest: (fileName: string) => boolean,
  others: readonly string[], // files that vite copies unchanged
): Plugin {
  return {
    name: "voxport-offline",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const names = Object.keys(bundle).filter((name) => name !== "index.html");
        const files = ["./", ...others, ...names.filter((name) => !isOnRequest(name))];
        const page = bundle["index.html"];
        const html = page?.type === "asset" ? page.source : "";
        const source = readFileSync(TEMPLATE, "utf-8")
          .replace('"__FILES__"', JSON.stringify(files, null, 2))
          .replace('"__ON_REQUEST__"', JSON.stringify(names.filter(isOnRequest), null, 2))
          .replace("__HASH__", createHash("sha256").update(html).digest("hex"));
        this.emitFile({ type: "asset", fileName: "service-worker.js", source });
      },
    },
  };
}
