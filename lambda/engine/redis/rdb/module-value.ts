import { type Reading, readString } from "./strings.ts";
import type { RdbVisitor } from "./visitor.ts";
import type { ByteWindow } from "./window.ts";

const END = 0;
const SIGNED = 1;
const UNSIGNED = 2;
const FLOAT = 3;
const DOUBLE = 4;
const STRING = 5;
const SOON_BYTES = 64 * 1024;

/** Nine characters of six bits above ten bits of a version. Source: redis, module.c, moduleTypeEncodeId. */
const NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NAME_LENGTH = 9;
const NAME_SHIFT = 10n;
const CHARACTER_BITS = 6n;

/** The name of a module's type, e.g. `ReJSON-RL`, from the number that an RDB has for it. */
function nameOfModuleType(id: bigint): string {
  return Array.from({ length: NAME_LENGTH }, (_, index) => {
    const shift = NAME_SHIFT + CHARACTER_BITS * BigInt(NAME_LENGTH - 1 - index);
    return NAME_CHARACTERS.charAt(Number((id >> shift) & 0x3fn));
  }).join("");
}

/** A module's value: its type's number, then values that say of what kind they are. What they mean, only the module knows. */
export function* readModule(window: ByteWindow, visitor: RdbVisitor): Reading {
  const id = window.long();
  visitor.moduleType?.(nameOfModuleType(id));
  visitor.element(Buffer.from(`module ${id}`));
  yield* readModuleValues(window, visitor);
}

/** The values up to their end. */
export function* readModuleValues(window: ByteWindow, visitor: Pick<RdbVisitor, "element">): Reading {
  for (;;) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    const kind = window.count();
    if (kind === END) return;
    if (kind === SIGNED || kind === UNSIGNED) visitor.element(Buffer.from(String(window.long())));
    else if (kind === FLOAT) visitor.element(window.take(4));
    else if (kind === DOUBLE) visitor.element(window.take(8));
    else if (kind === STRING) visitor.element(yield* readString(window));
    else throw window.fault(`a module wrote a value of the unknown kind ${kind}`);
  }
}
