import { writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import { type Company, mongodbSourceOf } from "./company.ts";
import { otherSourcesOf } from "./others.ts";

export const REGIONS = { primary: "eu-central-1", replica: "eu-west-1" } as const;
export const OBJECTIVES = { rpoSeconds: 3600, rtoSeconds: 1800 } as const;
const KEY_SECRET = "rehearsal/host-key";
const DAY_MS = 86_400_000;
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;

/** The secrets of the company that its operator puts into Secrets Manager before the deploy. */
export function secretsOf(company: Company): Readonly<Record<string, string>> {
  return {
    [KEY_SECRET]: company.privateKey,
    ...mongodbSourceOf(company).secrets,
    ...otherSourcesOf(company).secrets,
  };
}

/** The sources of `estate.yaml`. */
export function sourcesOf(company: Company): Readonly<Record<string, object>> {
  return { mongodb: mongodbSourceOf(company).source, ...otherSourcesOf(company).sources };
}

/**
 * Writes the company's `estate.yaml`. Slices and the hourly cadence fire every minute, and the latter is drilled, so
 * that a rehearsal takes minutes; the others fire at times that are far from now.
 */
export async function writeEstateFile(path: string, company: Company, now: Date): Promise<string> {
  const far = new Date(now.getTime() + DAY_MS / 2);
  const estate = {
    name: "rehearsal",
    timeZone: "Etc/UTC",
    regions: REGIONS,
    host: {
      address: company.address,
      port: company.port,
      user: company.user,
      hostKey: company.hostKey,
      keySecret: KEY_SECRET,
    },
    app: {
      stop: company.stopCommand,
      start: company.startCommand,
      services: company.servicesCommand,
      health: { url: company.healthUrl, body: '"status":"ok"' },
    },
    sources: sourcesOf(company),
    cadences: {
      slice: { every: "1 minute" },
      hourly: { every: "1 minute", drill: true },
      daily: { at: `${String(far.getUTCHours()).padStart(2, "0")}:00` },
      weekly: { at: "01:00", on: WEEKDAYS[(now.getUTCDay() + 3) % WEEKDAYS.length] },
      monthly: { at: "01:00", on: ((now.getUTCDate() + 13) % 28) + 1 },
    },
    lock: { mode: "compliance" },
    objectives: {
      rpo: `${OBJECTIVES.rpoSeconds / 60} minutes`,
      rto: `${OBJECTIVES.rtoSeconds / 60} minutes`,
    },
    approval: { recover: false },
    alerts: { emails: [] },
  };
  await writeFile(path, stringify(estate));
  return path;
}
