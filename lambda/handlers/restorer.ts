import { serveRole } from "./serve.ts";

/** Entry point of the role restorer. */
export const restorer = serveRole("restorer");
