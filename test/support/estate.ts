import type { Estate } from "../../lambda/engine/model/estate.ts";

const ED25519_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/** A small resolved estate; change what a test is about. */
export function makeEstate(changes: Partial<Estate> = {}): Estate {
  return {
    name: "demo",
    timeZone: "Asia/Riyadh",
    regions: { primary: "eu-central-1", replica: "eu-west-1" },
    host: {
      address: "203.0.113.10",
      port: 22,
      user: "backup",
      hostKey: `ssh-ed25519 ${ED25519_KEY}`,
      keySecret: "demo/host-key",
    },
    sources: {
      mongodb: {
        kind: "mongodb",
        compute: "lambda",
        config: {
          reach: { via: "ssh", host: "127.0.0.1", port: 27017 },
          user: "backup",
          passwordSecret: "demo/mongodb",
        },
      },
    },
    cadences: {
      hourly: {
        schedule: { everyMinutes: 60 },
        retainDays: 2,
        lockDays: 2,
        storage: "standard",
        drill: false,
      },
      daily: { schedule: { at: "02:30" }, retainDays: 30, lockDays: 30, storage: "standard", drill: true },
      weekly: {
        schedule: { at: "01:00", onWeekday: "sunday" },
        retainDays: 90,
        lockDays: 90,
        storage: "glacier",
        drill: true,
      },
      manual: { retainDays: 14, lockDays: 7, storage: "standard", drill: true },
    },
    fullEveryDays: 7,
    lockMode: "GOVERNANCE",
    codec: "zstd",
    objectives: { rpoSeconds: 3600, rtoSeconds: 1800 },
    approval: { recover: true, waitMinutes: 60 },
    alerts: { emails: ["operator@example.com"] },
    contacts: [{ level: "L1", name: "Operator", reach: "operator@example.com" }],
    escalation: { waitMinutes: { L1: 15, L2: 15, L3: 30 }, automatic: true },
    ...changes,
  };
}

/**
 * The cadences for a test that claims `hourly` by the clock of the machine: no daily or weekly run fires within any
 * hour, so none ever covers it.
 */
export function makeLoneCadences(): Estate["cadences"] {
  const { hourly, manual } = makeEstate().cadences;
  return { ...(hourly && { hourly }), ...(manual && { manual }) };
}
