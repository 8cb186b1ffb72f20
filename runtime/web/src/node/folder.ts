/**
 * A package in a folder on a disk. Files are hashed as they are read, and opened by their paths: a
 * model of several GB never lies in JavaScript's memory.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import { PackageError, PackageNotFoundError, VoxportError, messageOf } from "../errors.js";
import { checkHash, checkSize } from "../integrity.js";
import type { FileEntry } from "../file-entry.js";
import { FILE_NAME } from "../manifest.js";
import { NO_FILE, NO_MANIFEST, type PackageFiles } from "../package.js";

export class Folder implements PackageFiles {
  constructor(readonly name: string) {}

  async manifest(): Promise<Uint8Array> {
    try {
      return await readFile(join(this.name, FILE_NAME));
    } catch (error) {
      throw refusal(error, this.name, NO_MANIFEST);
    }
  }

  async open(entry: FileEntry): Promise<string> {
    const path = join(this.name, entry.path);
    try {
      checkSize((await stat(path)).size, entry, path);
      const digest = createHash("sha256");
      await pipeline(createReadStream(path), digest);
      checkHash(digest.digest("hex"), entry, path);
      return path;
    } catch (error) {
      throw refusal(error, path, NO_FILE);
    }
  }
}

/** `missing` is what is said where there is no such file. */
function refusal(error: unknown, subject: string, missing: string): VoxportError {
  if (error instanceof VoxportError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new PackageNotFoundError(missing, subject);
  return new PackageError(`cannot be read: ${messageOf(error)}`, subject, { cause: error });
}
