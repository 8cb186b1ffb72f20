import { join } from "node:path";

import { type UserConfig, defineConfig } from "vite";

import { compressPlugin } from "./build/compress.ts";
import { licencesPlugin } from "./build/licences.ts";
import { offlinePlugin } from "./build/offline.ts";
import { shipped, shippedPlugin } from "./build/shipped.ts";

// Memory that threads share is only for pages that are isolated.
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

function jsAssets({ names }: { names: string[] }): string {
  return `assets/[name]-[hash]${names[0]?.endsWith(".mjs") ? ".js" : "[extname]"}`;
}

export default defineConfig(async (): Promise<UserConfig> => {
  const model = await shipped(import.meta.dirname);
  const gpuFiles = ["jsep", "/ort.min", ...model.onRequest.map((path) => `${model.name}/${path}`)];
  // Where this copy of the page says that it comes from; without an address there is no link.
  const links = {
    Source: process.env["VOXPORT_SOURCE_URL"] ?? null,
    Documentation: process.env["VOXPORT_DOCUMENTATION_URL"] ?? null,
  };
  return {
    root: "page",
    base: "./", // the page may lie in any folder of a server
    // The runtime's own file stays a file of its own: its threads are started from it.
    resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "browser", "module", "import"] },
    define: { __PACKAGE__: JSON.stringify(model.name), __LINKS__: JSON.stringify(links) },
    build: {
      target: "es2022",
      outDir: "../dist/page",
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // Not every server knows what .mjs is.
      rollupOptions: { output: { assetFileNames: jsAssets } },
    },
    worker: { format: "es", rollupOptions: { output: { assetFileNames: jsAssets } } },
    plugins: [
      shippedPlugin(model),
      licencesPlugin(join(import.meta.dirname, "../..")),
      compressPlugin((name) => name.endsWith(".wasm") || name.startsWith(model.name)),
      offlinePlugin((name) => gpuFiles.some((part) => name.includes(part)), ["icon.svg"]),
    ],
    server: { headers },
    preview: { headers },
  };
});
