/**
 * Packages as a browser gets them: files that were dropped or chosen, or a folder on a server.
 */

import { PackageError, PackageNotFoundError, messageOf } from "../errors.js";
import { checked } from "../integrity.js";
import type { FileEntry } from "../file-entry.js";
import { FILE_NAME, MAX_MANIFEST_BYTES } from "../manifest.js";
import { NO_FILE, NO_MANIFEST, type PackageFiles } from "../package.js";

/** Files that are read whole and checked. */
abstract class WholeFiles implements PackageFiles {
  constructor(readonly name: string) {}

  async manifest(): Promise<Uint8Array> {
    return this.read(FILE_NAME, this.name, NO_MANIFEST);
  }

  async open(entry: FileEntry): Promise<Uint8Array> {
    const subject = `${this.name}/${entry.path}`;
    return checked(await this.read(entry.path, subject, NO_FILE), entry, subject);
  }

  /** Read one file; where there is none, `missing` is said of `subject`. */
  protected abstract read(path: string, subject: string, missing: string): Promise<Uint8Array>;
}

/** The files of a package, all in memory or on the visitor's disk. */
export class ChosenFiles extends WholeFiles {
  private readonly files: ReadonlyMap<string, Blob>;

  constructor(name: string, files: Iterable<File>) {
    super(name);
    this.files = new Map(Array.from(files, (file) => [file.name, file]));
  }

  protected async read(path: string, subject: string, missing: string): Promise<Uint8Array> {
    const file = this.files.get(path);
    if (file === undefined) throw new PackageNotFoundError(missing, subject);
    if (path === FILE_NAME && file.size > MAX_MANIFEST_BYTES) {
      throw new PackageError(
        `has ${file.size} bytes, and at most ${MAX_MANIFEST_BYTES} are read`,
        `${subject}/${path}`,
      );
    }
    try {
      return new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      throw new PackageError(`cannot be read: ${messageOf(error)}`, subject, { cause: error });
    }
  }
}

/** A function that fetches one file; null where there is none. */
export type Fetcher = (path: string) => Promise<Uint8Array | null>;

/** A package on a server. */
export class ServedFiles extends WholeFiles {
  constructor(
    name: string, // its address, ending in no slash
    private readonly fetcher: Fetcher = (path) => fetchBytes(`${name}/${path}`),
  ) {
    super(name);
  }

  protected async read(path: string, subject: string, missing: string): Promise<Uint8Array> {
    let bytes: Uint8Array | null;
    try {
      bytes = await this.fetcher(path);
    } catch (error) {
      const reason = `cannot be fetched: ${messageOf(error)}`;
      throw new PackageError(reason, subject, { cause: error });
    }
    if (bytes === null) throw new PackageNotFoundError(missing, subject);
    return bytes;
  }
}

async function fetchBytes(url: string): Promise<Uint8Array | null> {
  const response = await fetch(url);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
