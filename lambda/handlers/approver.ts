import { serveRole } from "./serve.ts";

/** Entry point of the role approver. */
export const approver = serveRole("approver");
