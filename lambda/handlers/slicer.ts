import { serveRole } from "./serve.ts";

/** Entry point of the role writer for slices, which schedules call without a machine. */
export const slicer = serveRole("writer");
