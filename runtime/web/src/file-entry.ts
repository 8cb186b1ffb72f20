/** A file of a package as the manifest records it. Knows neither manifests nor hashes. */

/** Name, size and hash of one file. */
export interface FileEntry {
  readonly path: string; // a plain file name inside the package's folder
  readonly bytes: number;
  readonly sha256: string; // 64 hexadecimal digits
}
