/**
 * A visitor's input: a recording, or a package as a folder or as its files.
 *
 * Knows drops and file inputs; opens nothing.
 */

import { VoxportError } from "../../src/errors.js";
import { FILE_NAME } from "../../src/manifest.js";

export type Incoming =
  | { readonly kind: "recording"; readonly file: File }
  | { readonly kind: "package"; readonly name: string; readonly files: readonly File[] };

const PACKAGE_FILES = /\.(onnx|ts|npy|json|data)$/i;

/** Classify files as a recording or a package. */
export function classify(files: readonly File[], folder = ""): Incoming {
  const [first] = files;
  if (first === undefined) throw new VoxportError("there are no files in it", folder || undefined);
  if (files.some((file) => file.name === FILE_NAME || PACKAGE_FILES.test(file.name))) {
    const name = folder || first.webkitRelativePath.split("/")[0] || "the dropped package";
    return { kind: "package", name, files };
  }
  if (files.length > 1) throw new VoxportError("one recording at a time, please", folder || undefined);
  return { kind: "recording", file: first };
}

/** Classify a drop. Must be called in the event itself: its items are gone afterwards. */
export async function dropped(transfer: DataTransfer): Promise<Incoming> {
  const files = Array.from(transfer.files); // a folder is one of them, with nothing in it
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter(isEntry);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && isFolder(only)) {
    return classify(await filesOf(only), only.name);
  }
  return classify(files);
}

/** Return the files of a folder, without those of its folders: packages are flat. */
async function filesOf(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject); // up to 100 a call
    });
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.filter(isFile).map(fileOf))));
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function isEntry(entry: FileSystemEntry | null): entry is FileSystemEntry {
  return entry !== null;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}
