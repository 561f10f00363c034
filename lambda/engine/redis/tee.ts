import type { KeyHead, RdbVisitor } from "./rdb/visitor.ts";

/** Tells several visitors the same. */
export class Tee implements RdbVisitor {
  readonly #visitors: readonly RdbVisitor[];

  constructor(...visitors: readonly RdbVisitor[]) {
    this.#visitors = visitors;
  }

  auxiliary(name: string, value: string): void {
    for (const visitor of this.#visitors) visitor.auxiliary(name, value);
  }

  library(code: Buffer): void {
    for (const visitor of this.#visitors) visitor.library(code);
  }

  begin(head: KeyHead): void {
    for (const visitor of this.#visitors) visitor.begin(head);
  }

  element(first: Buffer, second?: Buffer, endsAtMs?: number): void {
    for (const visitor of this.#visitors) visitor.element(first, second, endsAtMs);
  }

  end(): void {
    for (const visitor of this.#visitors) visitor.end();
  }
}
