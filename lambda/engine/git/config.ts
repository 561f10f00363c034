import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";
import type { Address } from "../host/address.ts";

const REPOSITORIES_LIMIT = 100;

const URL_OR_REMOTE = /^[a-z][a-z0-9+.-]*:\/\/|^[^/]+@[^/]+:/i;

/** A URL is what people paste first. */
const pathSchema = z
  .string()
  .refine((path) => !URL_OR_REMOTE.test(path), {
    message:
      "a path on the host, such as /srv/git/erp.git: repositories are read where they lie, so name one that is reached by a URL on the host that serves it",
  })
  .pipe(absolutePathSchema);

/** `estate.yaml` of a source of repositories. */
export const gitConfigSchema = z.strictObject({
  /** By a name of one's own: where each lies on the host, bare or with a working tree. */
  repositories: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/), pathSchema)
    .refine((all) => Object.keys(all).length > 0, { message: "at least one repository" })
    .refine((all) => Object.keys(all).length <= REPOSITORIES_LIMIT, {
      message: `at most ${REPOSITORIES_LIMIT} repositories`,
    })
    .refine((all) => new Set(Object.values(all)).size === Object.values(all).length, {
      message: "each path once",
    }),
});

export interface GitConfig extends z.infer<typeof gitConfigSchema> {
  /** The server of a drill, which takes them all in. */
  readonly daemon?: Address;
}
