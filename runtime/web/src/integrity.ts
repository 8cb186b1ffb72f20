/**
 * SHA-256, and the check of bytes against the manifest's record of them.
 *
 * A session gets the bytes that were hashed here: a file that is read twice may be swapped between.
 * Knows nothing of what the files hold.
 */

import { IntegrityError, VoxportError } from "./errors.js";
import type { FileEntry } from "./file-entry.js";

/** Return 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new VoxportError("hashes need a secure context: open the page over https or on localhost");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Check the size and the hash of `bytes`, and return them. */
export async function checked(
  bytes: Uint8Array,
  entry: FileEntry,
  subject: string,
): Promise<Uint8Array> {
  checkSize(bytes.length, entry, subject);
  checkHash(await sha256(bytes), entry, subject);
  return bytes;
}

export function checkSize(size: number, entry: FileEntry, subject: string): void {
  if (size !== entry.bytes) throw changed(`${entry.bytes} bytes`, `${size} bytes`, subject);
}

export function checkHash(found: string, entry: FileEntry, subject: string): void {
  if (found !== entry.sha256) throw changed(`sha256 ${entry.sha256}`, `sha256 ${found}`, subject);
}

function changed(expected: string, found: string, subject: string): IntegrityError {
  return new IntegrityError(
    `not the file that the manifest records: expected ${expected}, found ${found}; ` +
      "copy the package again or export it again",
    subject,
  );
}
