/**
 * A package in a folder on a disk. Its files are read once, and the bytes that were hashed are the
 * bytes that run.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";

import { PackageError, PackageNotFoundError, VoxportError, messageOf } from "../errors.js";
import type { FileEntry } from "../file-entry.js";
import { checkHash, checkSize } from "../integrity.js";
import { FILE_NAME, MAX_MANIFEST_BYTES } from "../manifest.js";
import { NO_FILE, NO_MANIFEST, type PackageFiles } from "../package.js";
import { IrregularFileError, readRegularFile } from "./regular-file.js";

export class Folder implements PackageFiles {
  constructor(readonly name: string) {}

  async manifest(): Promise<Uint8Array> {
    const path = join(this.name, FILE_NAME);
    try {
      return await readRegularFile(path, (size) => {
        if (size <= MAX_MANIFEST_BYTES) return;
        throw new PackageError(
          `has ${size} bytes, and at most ${MAX_MANIFEST_BYTES} are read`,
          path,
        );
      });
    } catch (error) {
      throw packageError(error, path, NO_MANIFEST, this.name);
    }
  }

  async open(entry: FileEntry): Promise<Uint8Array> {
    const path = join(this.name, entry.path);
    try {
      const bytes = await readRegularFile(path, (size) => checkSize(size, entry, path));
      checkSize(bytes.length, entry, path);
      // Not Web Crypto's digest, which takes up to 2 GB.
      checkHash(createHash("sha256").update(bytes).digest("hex"), entry, path);
      return bytes;
    } catch (error) {
      throw packageError(error, path, NO_FILE, path);
    }
  }
}

/** Return the error for `path`; where nothing is there, `missing` is said of `subject`. */
function packageError(
  error: unknown,
  path: string,
  missing: string,
  subject: string,
): VoxportError {
  if (error instanceof VoxportError) return error;
  if (error instanceof IrregularFileError) return new PackageError(error.message, path);
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new PackageNotFoundError(missing, subject);
  return new PackageError(`cannot be read: ${messageOf(error)}`, path, { cause: error });
}
