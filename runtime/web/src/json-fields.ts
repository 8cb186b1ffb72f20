/**
 * Typed reading of JSON that somebody else wrote.
 *
 * Every accessor checks one field's type and names it (`artifacts[0].bytes`) when it is wrong. Does
 * not know the fields' meaning; other fields are ignored.
 */

import { ManifestError } from "./errors.js";

export class Fields {
  private constructor(
    private readonly data: Readonly<Record<string, unknown>>,
    private readonly where: string, // "" for the document itself, else for example "artifacts[0]."
  ) {}

  /** Wrap the object `value`, found at `name`. */
  static of(value: unknown, name = ""): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrong(name || "the document", "an object", value);
    }
    return new Fields(value as Record<string, unknown>, name && `${name}.`);
  }

  /** Tell whether there is such a field. */
  has(key: string): boolean {
    return Object.hasOwn(this.data, key);
  }

  /** Return the field as it is. */
  value(key: string): unknown {
    if (!this.has(key)) {
      throw new ManifestError(`the field '${this.where}${key}' is missing`);
    }
    return this.data[key];
  }

  text(key: string): string {
    return text(this.value(key), this.where + key);
  }

  optionalText(key: string): string | null {
    return this.value(key) === null ? null : this.text(key);
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.value(key));
    if (found === undefined) throw wrong(this.where + key, choices.join(" or "), this.value(key));
    return found;
  }

  /** Return a whole number from `min` to `max`. */
  integer(key: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    return integer(this.value(key), this.where + key, min, max);
  }

  number(key: string): number {
    const value = this.value(key);
    if (typeof value !== "number" || !(value >= 0 && value < Infinity)) {
      throw wrong(this.where + key, "a finite number of at least 0", value);
    }
    return value;
  }

  /** Return 64 lower-case hexadecimal digits. */
  sha256(key: string): string {
    const value = this.value(key);
    if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
      throw wrong(this.where + key, "64 lower-case hexadecimal digits", value);
    }
    return value;
  }

  /** Return a plain file name: no manifest can point outside its folder. */
  fileName(key: string): string {
    const value = this.text(key);
    if (["", ".", ".."].includes(value) || /[/\\:\0]/.test(value)) {
      throw wrong(this.where + key, "a plain file name inside the package", value);
    }
    return value;
  }

  child(key: string): Fields {
    return Fields.of(this.value(key), this.where + key);
  }

  children(key: string): Fields[] {
    return this.items(key, Fields.of);
  }

  texts(key: string): string[] {
    return this.items(key, text);
  }

  integers(key: string): number[] {
    return this.items(key, (value, name) => integer(value, name, 0, Number.MAX_SAFE_INTEGER));
  }

  private items<T>(key: string, read: (value: unknown, name: string) => T): T[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw wrong(this.where + key, "a list", value);
    return value.map((item, index) => read(item, `${this.where}${key}[${index}]`));
  }
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, "a string", value);
  return value;
}

function integer(value: unknown, name: string, min: number, max: number): number {
  const number = value as number; // isSafeInteger refuses everything else
  if (!Number.isSafeInteger(value) || number < min || number > max) {
    const isOpen = max === Number.MAX_SAFE_INTEGER;
    const range = isOpen ? `of at least ${min}` : `from ${min} to ${max}`;
    throw wrong(name, `a whole number ${range}`, value);
  }
  return number;
}

function wrong(name: string, expected: string, value: unknown): ManifestError {
  const shown = JSON.stringify(value);
  const short = shown.length <= 60 ? shown : `${shown.slice(0, 57)}...`;
  return new ManifestError(`${name} must be ${expected}, got ${short}`);
}
