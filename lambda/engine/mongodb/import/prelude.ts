import { IntegrityError } from "../../model/errors.ts";
import { parseJson } from "../../model/json.ts";

/** What header or prelude say of the versions. */
export interface DumpVersions {
  readonly server?: string;
  readonly tool?: string;
}

/** A `prelude.json`, as tools since 100.12 write it beside the folders. Throws `IntegrityError` MALFORMED. */
export function parsePrelude(bytes: Uint8Array, name: string): DumpVersions {
  const parsed: unknown = parseJson(bytes);
  if (parsed === null || typeof parsed !== "object")
    throw new IntegrityError(
      "MALFORMED",
      `${name} is no JSON object. The dump is damaged; take another one.`,
    );
  const { ServerVersion: server, ToolVersion: tool } = parsed as Record<string, unknown>;
  return {
    ...(typeof server === "string" && server !== "" && { server }),
    ...(typeof tool === "string" && tool !== "" && { tool }),
  };
}

/** The inverse of `parsePrelude`. */
export function encodePrelude({ server, tool }: DumpVersions): Buffer {
  return Buffer.from(JSON.stringify({ ServerVersion: server, ToolVersion: tool }));
}
