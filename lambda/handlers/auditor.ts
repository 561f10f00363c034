import { serveRole } from "./serve.ts";

/** Entry point of the role auditor. */
export const auditor = serveRole("auditor");
