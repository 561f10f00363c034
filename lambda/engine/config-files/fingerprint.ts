import { createHmac } from "node:crypto";
import { posix } from "node:path";
import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import type { Entry, EntryHeader } from "./entry.ts";
import { isCompose, isTemplate, isVariables, parses, TEMPLATE, variablesOf } from "./judge.ts";

const HEX_DIGITS = 32;

/**
 * What a manifest may tell of secrets: paths, modes and times, and a digest of each content that is keyed by the salt.
 * The salt is in the artifact alone, so that nobody without it can try guesses against a digest.
 */
export class KeyedFingerprint {
  readonly #salt: Buffer;
  readonly #found = new Map<string, NamespaceFingerprint>();
  /** Names of variables, by the path of the file that has them. */
  readonly #variables = new Map<string, ReadonlySet<string>>();
  readonly #templates = new Map<string, ReadonlySet<string>>();

  constructor(salt: Buffer) {
    this.#salt = salt;
  }

  /** Folders are restored and not compared: a drill's folder has others around them. */
  add({ header, bytes }: Entry): void {
    if (header.type === "folder") return;
    if (isTemplate(header.path)) this.#templates.set(posix.dirname(header.path), variablesOf(bytes));
    else if (isVariables(header.path)) this.#variables.set(header.path, variablesOf(bytes));
    this.#found.set(header.path, this.#fingerprintOf(header, bytes));
  }

  finish(): Fingerprint {
    return Object.fromEntries(this.#found);
  }

  /** With what a host would not start: names, never values. */
  notes(): string[] {
    const unparsed = [...this.#found]
      .filter(([, { options }]) => (options as { parses?: boolean }).parses === false)
      .map(([path]) => `${path} is no YAML: Docker Compose could not start anything with it.`);
    return [...unparsed, ...[...this.#templates.keys()].flatMap((folder) => this.#lackingIn(folder))];
  }

  /** One file may add to another, as Compose merges them: a variable has to be in any. */
  #lackingIn(folder: string): string[] {
    const beside = [...this.#variables].filter(([path]) => posix.dirname(path) === folder);
    const there = new Set(beside.flatMap(([, names]) => [...names]));
    const missing = [...(this.#templates.get(folder) ?? [])].filter((name) => !there.has(name));
    if (missing.length === 0) return [];
    const template = posix.join(folder, TEMPLATE);
    return [`${template} names variables that no .env file beside it has: ${missing.join(", ")}.`];
  }

  #fingerprintOf(header: EntryHeader, bytes: Buffer): NamespaceFingerprint {
    const { type, path, mode, modifiedSeconds } = header;
    const hash = createHmac("sha256", this.#salt).update(path).update("\0");
    hash.update(header.type === "link" ? header.target : bytes);
    return {
      kind: type,
      count: 1,
      // The sizes of secrets are nobody's business.
      bytes: 0,
      contentHash: hash.digest("hex").slice(0, HEX_DIGITS),
      // A link's own mode and time can be set by few servers.
      options: type === "file" ? { mode, modifiedSeconds, ...composeFacts(path, bytes) } : {},
      indexes: [],
    };
  }
}

function composeFacts(path: string, bytes: Buffer): { parses?: boolean } {
  return isCompose(path) ? { parses: parses(bytes) } : {};
}
