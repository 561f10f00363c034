import { OBJECT_STORE_STANDIN } from "../servers/object-store.ts";

/** What no rehearsal shows, or on another server than the real one, each kind with the reason; the report lists them aloud. */
export const NOT_REHEARSED: Readonly<Record<string, string>> = {
  n8n: "a real instance takes minutes and gigabytes to install: npm run test:n8n dumps, loses and restores one",
  qdrant: "no Qdrant server is to be had from the package registries; its laws run on a stand-in",
  ...(OBJECT_STORE_STANDIN !== undefined && { s3: OBJECT_STORE_STANDIN }),
};
