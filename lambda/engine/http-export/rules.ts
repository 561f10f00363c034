import { SourceError } from "../model/errors.ts";
import type { ExportRequest, Rules } from "./config.ts";
import { cellsOf } from "./split-rows.ts";

type FieldType = Rules["fields"][string];

/** Judges the records of one export as they pass; the first that breaks a rule ends it. */
export class RecordJudge {
  readonly #request: Pick<ExportRequest, "format" | "rules">;
  readonly #what: string;
  #columns: readonly string[] | undefined;
  count = 0;
  /** Whether what was added last is a record; the header of a CSV is none. */
  isRecord = false;

  constructor(request: Pick<ExportRequest, "format" | "rules">, what: string) {
    this.#request = request;
    this.#what = what;
  }

  /** Columns of a CSV whose header has passed. */
  get columns(): readonly string[] {
    return this.#columns ?? [];
  }

  /** Throws `SourceError` UNHEALTHY for a record that is none, or lacks a field. */
  add(record: Buffer): void {
    this.isRecord = this.#request.format !== "csv" || this.#columns !== undefined;
    if (!this.isRecord) this.#addHeader(record);
    else if (this.#request.format === "csv") this.#requireCells(record);
    else this.#requireFields(this.#parse(record));
    if (this.isRecord) this.count += 1;
  }

  /** Throws `SourceError` UNHEALTHY when there are fewer or more records than the rules allow. */
  finish(): void {
    const { atLeast, atMost } = this.#request.rules;
    if (this.count >= atLeast && this.count <= (atMost ?? Number.POSITIVE_INFINITY)) return;
    const expected = atMost === undefined ? `at least ${atLeast}` : `${atLeast} to ${atMost}`;
    throw this.#broken(`has ${this.count} records, expected ${expected}`);
  }

  #addHeader(row: Buffer): void {
    const columns = cellsOf(row);
    const missing = Object.keys(this.#request.rules.fields).filter((field) => !columns.includes(field));
    if (missing.length > 0) throw this.#broken(`lacks the columns ${missing.join(", ")}`);
    this.#columns = columns;
  }

  #requireCells(row: Buffer): void {
    const cells = cellsOf(row).length;
    const expected = this.columns.length;
    if (cells === expected) return;
    throw this.#broken(`has ${cells} cells in row ${this.count + 1}, expected ${expected} as in its header`);
  }

  #parse(record: Buffer): unknown {
    try {
      return JSON.parse(record.toString("utf8"));
    } catch {
      throw this.#broken(`has a record ${this.count + 1} that is no JSON`);
    }
  }

  #requireFields(record: unknown): void {
    for (const [field, type] of Object.entries(this.#request.rules.fields)) {
      const value = readField(record, field);
      if (value !== undefined && isOfType(value, type)) continue;
      const got = value === undefined ? "nothing" : typeOf(value);
      throw this.#broken(`has in record ${this.count + 1} ${got} as \`${field}\`, expected ${type}`);
    }
  }

  #broken(why: string): SourceError {
    return new SourceError(
      "UNHEALTHY",
      `${this.#what} ${why}. No backup is made of it; look at the application, or correct \`rules\` in estate.yaml.`,
      { facts: { records: this.count } },
    );
  }
}

/** Null counts as any type: a field that is there and empty. */
function isOfType(value: unknown, type: FieldType): boolean {
  return type === "any" || value === null || typeOf(value) === type;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

/** A field below fields, by names with dots; undefined where it is not. */
export function readField(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inner, step) =>
        inner !== null && typeof inner === "object" && Object.hasOwn(inner, step)
          ? (inner as Record<string, unknown>)[step]
          : undefined,
      value,
    );
}
