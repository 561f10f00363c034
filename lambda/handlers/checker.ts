import { serveRole } from "./serve.ts";

/** Entry point of the role checker. */
export const checker = serveRole("checker");
