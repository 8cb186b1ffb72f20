/** Copies what the npm package holds beside the module: the shipped package, and the licences. */

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");
const DIST = join(import.meta.dirname, "../dist");
const COPIES = {
  "runtime/voxport/packages": "packages",
  LICENSE: "licences/LICENSE",
  NOTICE: "licences/NOTICE",
  LICENSES: "licences/LICENSES",
};

for (const [from, to] of Object.entries(COPIES)) {
  const target = join(DIST, to);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, ".."), { recursive: true });
  cpSync(join(ROOT, from), target, { recursive: true });
}
