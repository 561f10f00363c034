import { z } from "zod";
import { sources } from "../../lambda/engine/sources/registry.ts";
import { authoredEstateSchema, authoredSourceSchema } from "./authoring.ts";

/**
 * The JSON schema (2020-12) of `estate.yaml` for editors: what the authoring schema takes, with the keys of every kind
 * of source. Rules between keys (locks, clock changes, chains) are checked by `backup-estate validate` alone.
 */
export function estateJsonSchema(): Record<string, unknown> {
  const byKind = Object.values(sources).map((source) => {
    const own = z.toJSONSchema(source.config, { io: "input", unrepresentable: "any" });
    const shared = z.toJSONSchema(authoredSourceSchema, { io: "input" });
    const { $schema: _, ...rest } = own;
    return { ...rest, properties: { ...shared.properties, ...own.properties } };
  });
  const schema = z.toJSONSchema(authoredEstateSchema, { io: "input" });
  const { sources: authored, ...others } = schema.properties ?? {};
  return {
    ...schema,
    title: "estate.yaml of backup-estate",
    properties: {
      ...others,
      sources: { ...(authored as object), additionalProperties: { anyOf: byKind } },
    },
  };
}
