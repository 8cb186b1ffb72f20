/** Edit distance (Levenshtein): insertions, deletions and replacements between two sequences. */

/** Distances of all prefixes of one sequence from all prefixes of another. */
export interface EditDistances {
  readonly width: number; // the other's length + 1
  readonly values: Int32Array; // (the one's length + 1, width), row by row
}

/** Return the distances of all prefixes; the last value is the distance of the whole sequences. */
export function editDistances(one: readonly number[], other: readonly number[]): EditDistances {
  const width = other.length + 1;
  const values = new Int32Array((one.length + 1) * width);
  for (let j = 0; j < width; j++) values[j] = j;
  for (let i = 1; i <= one.length; i++) {
    const [above, row] = [(i - 1) * width, i * width];
    values[row] = i;
    for (let j = 1; j < width; j++) {
      const replaced = (values[above + j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const edited = Math.min(values[above + j] ?? 0, values[row + j - 1] ?? 0) + 1;
      values[row + j] = Math.min(replaced, edited);
    }
  }
  return { width, values };
}
