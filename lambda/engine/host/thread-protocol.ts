import { Cancelled, SourceError } from "../model/errors.ts";
import type { EstateHost } from "../model/estate.ts";
import type { Address } from "./address.ts";

/** What the thread of the tunnels is given at its start; nobody else sees it. */
export interface ThreadData {
  readonly host: EstateHost;
  readonly privateKey: string;
}

/** What it is asked; answers carry the same `id`. `close` is of the tunnel that `open` with that id made. */
export type Ask =
  | { readonly ask: "open"; readonly id: number; readonly target: Address }
  | { readonly ask: "close"; readonly id: number }
  /** The work was aborted: everything is reset at once. */
  | { readonly ask: "abort" }
  /** Everything is closed; the thread ends by itself. */
  | { readonly ask: "end" };

export type Answer =
  | { readonly answer: "opened"; readonly id: number; readonly reached: Address }
  | { readonly answer: "closed"; readonly id: number }
  | { readonly answer: "failed"; readonly id: number; readonly error: PlainError }
  /** Told once, when the SSH connection ends for whatever cause. */
  | { readonly answer: "lost"; readonly error: PlainError };

/** An error as it passes between threads, which know no classes of each other. */
interface PlainError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly facts: SourceError["facts"];
}

/** Everything but an error of the estate becomes a lost connection: a thread has no other trouble of its own. */
export function toPlainError(error: unknown): PlainError {
  if (error instanceof SourceError || error instanceof Cancelled) {
    const { name, code, message, facts } = error;
    return { name, code, message, facts };
  }
  return {
    name: "SourceError",
    code: "CONNECTION_LOST",
    message: `The SSH tunnel broke down: ${error instanceof Error ? error.message : String(error)}. Start again; if it stays, report it.`,
    facts: {},
  };
}

/** The error as the other thread threw it. */
export function fromPlainError({ name, code, message, facts }: PlainError): SourceError | Cancelled {
  return name === "Cancelled"
    ? new Cancelled(code as Cancelled["code"], message, { facts })
    : new SourceError(code as SourceError["code"], message, { facts });
}
