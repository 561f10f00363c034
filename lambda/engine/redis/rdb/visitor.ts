/** What a key holds, however it is encoded. */
export type KeyType = "string" | "list" | "set" | "zset" | "hash" | "stream" | "module";

/** A key, told before its elements. */
export interface KeyHead {
  readonly database: number;
  readonly key: Buffer;
  readonly type: KeyType;
  /** The byte by which the RDB names the type and its encoding. */
  readonly encoding: number;
  readonly expiresAtMs?: number;
  /** Seconds since the last use, where the server evicts by it. */
  readonly idleSeconds?: number;
  /** How often it was used, where the server evicts by it. */
  readonly frequency?: number;
}

/**
 * Is told what an RDB holds, in its order, by one call after the other. Bytes are valid after the call too.
 *
 * | type | elements |
 * |---|---|
 * | string | the value |
 * | list | each element, in order |
 * | set | member |
 * | zset | member, score as a double of 8 bytes |
 * | hash | field, value, and the moment (ms) at which the field ends, 0 for never |
 * | stream | a tag and what belongs to it: entries, groups, consumers, pending entries |
 * | module | what the module wrote, in order |
 */
export interface RdbVisitor {
  auxiliary(name: string, value: string): void;
  /** The source code of a library of functions. */
  library(code: Buffer): void;
  begin(head: KeyHead): void;
  element(first: Buffer, second?: Buffer, endsAtMs?: number): void;
  end(): void;
  /** Where it is there: the type of a module's value, between `begin` and its elements. */
  moduleType?(name: string): void;
  /** Where it is there: the bytes of the value as the RDB has them, between `begin` and `end`. */
  raw?(bytes: Buffer): void;
}
