/** Files that are read whole, pipes and devices excepted. Knows neither packages nor recordings. */

import { constants, open } from "node:fs/promises";

const BLOCK_BYTES = 2 ** 30; // one read returns at most 2 GB, and readFile refuses more

/** A folder, a pipe or a device where a file is expected. */
export class IrregularFileError extends Error {
  constructor(readonly isFolder: boolean) {
    super("is not a regular file");
  }
}

/** Read a file once `check` has accepted its size in bytes. */
export async function readRegularFile(
  path: string,
  check: (size: number) => void = () => undefined,
): Promise<Uint8Array> {
  // Without waiting: opening a pipe that nobody writes to would never return.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new IrregularFileError(status.isDirectory());
    check(status.size);
    const bytes = new Uint8Array(status.size);
    let count = 0;
    while (count < bytes.length) {
      const wanted = Math.min(bytes.length - count, BLOCK_BYTES);
      const { bytesRead } = await file.read(bytes, count, wanted);
      if (bytesRead === 0) break;
      count += bytesRead;
    }
    return bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}
