import { z } from "zod";

/**
 * How often a backup is made, lowest first. The second segment of every vault key, so that lifecycle rules
 * can address it; a stored contract. A higher cadence counts for the lower ones.
 */
export const CADENCES = ["slice", "hourly", "daily", "weekly", "monthly", "manual"] as const;

/** The cadences of backups that stand alone. */
export const FULL_CADENCES = CADENCES.filter((cadence) => cadence !== "slice");

export const cadenceSchema = z.enum(CADENCES);
export type Cadence = z.infer<typeof cadenceSchema>;
