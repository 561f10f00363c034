import { serveRole } from "./serve.ts";

/** Entry point of the role writer. */
export const writer = serveRole("writer");
