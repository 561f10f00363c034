import type { Source, SourceFacts } from "../../lambda/engine/sources/source.ts";

/** The source, whose servers say that their file system has so much room; all else is real. */
export function withSpace(source: Source, space: NonNullable<SourceFacts["space"]>): Source {
  return {
    ...source,
    async open(config, context, purpose) {
      const session = await source.open(config, context, purpose);
      const probe = session.probe.bind(session);
      session.probe = async () => ({ ...(await probe()), space });
      return session;
    },
  };
}
