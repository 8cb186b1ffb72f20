/** Helpers of readers of binary formats. */

/** Return the four characters at a byte; fewer at the end. */
export function ascii(bytes: Uint8Array, place: number): string {
  return String.fromCharCode(...bytes.subarray(place, place + 4));
}
