import { z } from "zod";

/** The execution of a state machine, as the machine itself names it in a request. */
export const executionSchema = z.strictObject({
  executionArn: z.string().min(1),
  startedAt: z.iso.datetime(),
});
