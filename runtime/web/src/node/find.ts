/** Lookup of packages: a folder, or a model that comes with this module. */

import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { PackageNotFoundError } from "../errors.js";
import { FILE_NAME } from "../manifest.js";

const SHIPPED = fileURLToPath(new URL("../../packages", import.meta.url));

/** List the names of the models that come with this module. */
export function shippedModels(): string[] {
  if (!existsSync(SHIPPED)) return [];
  return readdirSync(SHIPPED).filter((name) => existsSync(join(SHIPPED, name, FILE_NAME))).sort();
}

/**
 * Return the folder of a package. A shipped model's name as a plain word always means the model; write
 * "./commands" for a folder of the same name.
 */
export function findPackage(name: string): string {
  const shipped = shippedModels();
  if (shipped.includes(name)) return join(SHIPPED, name);
  if (name === "" || (basename(name) === name && !existsSync(name))) {
    throw new PackageNotFoundError(
      `'${name}' is neither a folder nor a shipped model: shipped models: ` +
        `${shipped.join(", ") || "none"}; other models: \`voxport export MODEL -o DIR\`, then give DIR`,
    );
  }
  return name;
}
