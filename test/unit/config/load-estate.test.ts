import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { ConfigError } from "../../../lambda/engine/model/errors.ts";
import { sources } from "../../../lambda/engine/sources/registry.ts";
import { estateJsonSchema } from "../../../lib/config/json-schema.ts";
import { inspectEstate, loadEstate, parseEstate } from "../../../lib/config/load-estate.ts";

const ROOT = join(import.meta.dirname, "../../..");
const NOW = new Date("2026-11-23T00:00:00Z");

const VALID = {
  name: "erp",
  timeZone: "Europe/Berlin",
  regions: { primary: "eu-central-1", replica: "eu-west-1" },
  host: { address: "erp.example.com", user: "backup", hostKey: "ssh-ed25519 AAAA", keySecret: "erp/key" },
  sources: { mongodb: { reach: { via: "container", container: "mongo" } } },
};

const inspect = (changes: object) =>
  inspectEstate(stringify({ ...VALID, ...changes }), "estate.yaml", { now: NOW });

function faultsOf(changes: object): string[] {
  try {
    inspect(changes);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return (error.facts.faults as { path: string }[]).map(({ path }) => path);
  }
  return [];
}

function messageOf(changes: object): string {
  try {
    inspect(changes);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("the examples", () => {
  it("contain a smallest file of under 15 lines that fills in every default", () => {
    const path = join(ROOT, "examples/minimal.estate.yaml");
    expect(readFileSync(path, "utf8").trim().split("\n").length).toBeLessThan(15);
    const estate = loadEstate(path);
    expect(estate.cadences.daily).toEqual({
      schedule: { at: "02:00" },
      retainDays: 30,
      lockDays: 30,
      storage: "standard",
      drill: true,
    });
    expect(estate.cadences.weekly?.schedule).toEqual({ at: "01:00", onWeekday: "sunday" });
    expect(estate.objectives).toEqual({ rpoSeconds: 3600, rtoSeconds: 1800 });
  });

  it("contain a complete one, with the commands of Docker Compose", () => {
    const estate = loadEstate(join(ROOT, "examples/complete.estate.yaml"));
    expect(estate.app?.stopCommand).toBe("docker compose --file /srv/erp/compose.yaml stop app nginx n8n");
    expect(estate.cadences.monthly?.schedule).toEqual({ at: "01:00", onDayOfMonth: 1 });
    expect(estate.lockMode).toBe("COMPLIANCE");
    expect(estate.contacts.map(({ level }) => level)).toEqual(["L1", "L2", "L3"]);
  });

  it("call people by themselves only where there is somebody to call, or where they say so", () => {
    const minimal = readFileSync(join(ROOT, "examples/minimal.estate.yaml"), "utf8");
    const contact = "\ncontacts: [{ level: L1, name: Night shift, reach: telephone }]\n";
    const escalationOf = (text: string) => parseEstate(text, "estate.yaml").escalation;
    expect(escalationOf(minimal)).toEqual({ waitMinutes: { L1: 15, L2: 15, L3: 30 }, automatic: false });
    expect(escalationOf(minimal + contact).automatic).toBe(true);
    expect(escalationOf(`${minimal}${contact}escalation: { L2: 1 hour, automatic: false }\n`)).toEqual({
      waitMinutes: { L1: 15, L2: 60, L3: 30 },
      automatic: false,
    });
  });
});

describe("a wrong file", () => {
  it("gives one error with every fault of every section", () => {
    const paths = faultsOf({
      name: "ERP",
      timeZone: "Europe/Berln",
      regions: { primary: "eu-west-1", replica: "eu-west-1" },
      cadences: { daily: { at: "2 o'clock", lock: "40 days" }, weekly: { cron: "0 1 * *" } },
      sources: { mongo: {} },
      colour: "blue",
    });
    expect(new Set(paths)).toEqual(
      new Set([
        "name",
        "timeZone",
        "regions.replica",
        "cadences.daily.at",
        "cadences.daily.lock",
        "cadences.weekly.cron",
        "sources.mongo",
        "colour",
      ]),
    );
  });

  it("names line, got, expected and remedy", () => {
    expect(messageOf({ timeZone: "Europe/Berln" })).toMatch(
      /timeZone \(line 2\)\n +got: +"Europe\/Berln"\n +expected: .+\n +remedy: +Did you mean Europe\/Berlin\?/,
    );
  });

  it.each([
    [{ host: { ...VALID.host, hostKey: "erp.example.com ssh-ed25519 AAAA" } }, "without the name before it"],
    [{ lock: "compliance" }, "mode: governance (the key admin can lift a lock) or compliance (nobody can"],
    [{ lock: "compliance" }, "Correct lock, e.g. lock: { mode: governance }."],
    [{ lock: { mode: "strict" } }, "expected: governance (the key admin can lift a lock) or compliance"],
    [{ sources: { Uploads: { kind: "files" } } }, 'got:      the name "Uploads"'],
    [{ sources: { Uploads: {} } }, "1 to 31 lower-case letters, digits and hyphens, a letter first"],
    [{ sources: { Uploads: {} } }, "Write uploads instead of Uploads."],
    [{ sources: { mongodb: {} }, targets: { "9": {} } }, "Give it such a name, e.g. mongodb."],
    [
      { sources: { mongodb: { reach: { via: "tunnel" } } } },
      "expected: one of 'ssh' | 'container' | 'direct'",
    ],
    [{ alerts: { emails: ["ops"] } }, "Correct alerts.emails.0, e.g. ops@example.com."],
    [{ cadences: { monthly: { on: 31 } } }, "Correct cadences.monthly.on."],
  ])("says in words of the author what %j should be", (changes, words) => {
    expect(messageOf(changes)).toContain(words);
  });

  it("is told which key was meant", () => {
    expect(messageOf({ host: { ...VALID.host, adress: "x" } })).toContain("Did you mean address?");
    expect(messageOf({ sources: { mongo: {} } })).toContain("Did you mean mongodb?");
  });

  it.each([
    ["YAML that is none", "name: [", /one YAML 1.2 document/],
    ["an empty file", "", /keys and values/],
    ["a list", "- a", /keys and values/],
    ["a key twice", "name: a\nname: b", /unique/],
  ])("may be %s", (_, text, message) => {
    expect(() => parseEstate(text, "estate.yaml")).toThrow(message);
  });

  it.each<[string, object]>([
    ["cadences.daily.at", { cadences: { daily: { at: "25:00" } } }],
    ["cadences.weekly.cron", { cadences: { weekly: { cron: "61 1 * * 0" } } }],
    ["cadences.weekly.cron", { cadences: { weekly: { cron: "0 1 * * *" } } }],
    ["cadences.hourly.at", { cadences: { hourly: { at: "02:00" } } }],
    ["cadences.hourly.cron", { cadences: { hourly: { every: "1 hour", cron: "0 * * * *" } } }],
    ["cadences.manual.every", { cadences: { manual: { every: "1 hour" } } }],
    ["cadences.daily.lock", { cadences: { daily: { keep: "10 days", lock: "11 days" } } }],
    ["cadences.weekly.keep", { cadences: { weekly: { keep: "89 days" } } }],
    ["cadences.slice.keep", { cadences: { slice: { keep: "8 days" } } }],
    ["cadences.slice", { cadences: { slice: {}, hourly: "off", daily: "off" } }],
    ["sources", { sources: {} }],
    ["sources.mongodb.reach.container", { sources: { mongodb: { reach: { via: "container" } } } }],
    ["app", { app: { stop: "stop it", health: { url: "http://localhost/" } } }],
    [
      "app.health.timeout",
      { app: { stop: "a", start: "b", health: { url: "http://localhost/", timeout: "14 minutes" } } },
    ],
  ])("is told of %s in %j", (path, changes) => {
    expect(faultsOf(changes)).toEqual([path]);
  });

  it.each<[string, object]>([
    ["at its edge", { cadences: { daily: { keep: "10 days", lock: "10 days" } } }],
    ["with 90 days in Glacier", { cadences: { weekly: { keep: "90 days" } } }],
    ["with slices as long as their base", { cadences: { slice: { keep: "7 days" } } }],
    ["every minute", { cadences: { daily: { every: "1 minute" } } }],
    ["by cron", { cadences: { hourly: { cron: "*/15 * * * *" } } }],
  ])("is accepted again %s", (_, changes) => {
    expect(faultsOf(changes)).toEqual([]);
  });
});

describe("targets", () => {
  const SCRATCH = { kind: "mongodb", reach: { via: "ssh", port: 27018 }, passwordSecret: "erp/scratch" };
  /** A second kind, of which no source is. */
  const kinds = { ...sources, other: { ...sources.mongodb, kind: "other" } } as typeof sources;

  it("are resolved as sources are, and there are none where none are written", () => {
    expect(inspect({ targets: { scratch: SCRATCH } }).estate.targets).toMatchObject({
      scratch: { kind: "mongodb", compute: "fargate", config: { reach: { host: "127.0.0.1", port: 27018 } } },
    });
    expect(inspect({}).estate).not.toHaveProperty("targets");
  });

  it.each([
    ["of an unknown kind", { scratch: { kind: "mongo" } }, /targets\.scratch\.kind.*Did you mean mongodb/s],
    ["with a wrong configuration", { scratch: { kind: "mongodb" } }, /targets\.scratch\.reach/],
    ["under the name of a source", { mongodb: SCRATCH }, /targets\.mongodb.*the name of a source/s],
    ["of a kind that no source has", { scratch: { ...SCRATCH, kind: "other" } }, /of which no source is/],
  ])("%s are a fault of their own", (_name, targets, fault) => {
    const text = stringify({ ...VALID, targets });
    expect(() => inspectEstate(text, "estate.yaml", { now: NOW, kinds })).toThrow(fault);
  });
});

describe("the clock change", () => {
  it("moves a default hour that it skips, and says so", () => {
    const { estate, notes } = inspect({});
    expect(estate.cadences.daily?.schedule).toEqual({ at: "03:00" });
    expect(notes.join()).toContain(
      "daily: the default 02:00 is skipped by the clock change in Europe/Berlin",
    );
  });

  it("refuses an explicit hour that it skips, with the day and another hour", () => {
    const message = messageOf({ cadences: { daily: { at: "02:30" } } });
    expect(message).toContain("next on 2027-03-28");
    expect(message).toContain("Take 03:00 or later.");
    expect(faultsOf({ cadences: { daily: { at: "03:00" } } })).toEqual([]);
  });

  it("does not matter on weekdays and in zones that it never meets", () => {
    expect(faultsOf({ cadences: { weekly: { on: "monday", at: "02:30" } } })).toEqual([]);
    expect(faultsOf({ timeZone: "Asia/Kolkata", cadences: { daily: { at: "02:30" } } })).toEqual([]);
  });
});

describe("a secret in clear", () => {
  const secrets: [string, object, string][] = [
    ["host.hostKey", { host: { ...VALID.host, hostKey: "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n" } }, "MIIE"],
    ["host.keySecret", { host: { ...VALID.host, keySecret: "my passphrase 1" } }, "my passphrase"],
    [
      "sources.mongodb.password",
      { sources: { mongodb: { ...VALID.sources.mongodb, password: "hunter2" } } },
      "hunter2",
    ],
    [
      "sources.mongodb.uri",
      { sources: { mongodb: { ...VALID.sources.mongodb, uri: "mongodb://a:b1c2@h/" } } },
      "b1c2",
    ],
    ["app.stop", { app: { stop: "x --password=abc9", start: "y", health: { url: "http://h/" } } }, "abc9"],
  ];

  it.each(secrets)("in %s is refused and not repeated", (path, changes, value) => {
    expect(faultsOf(changes)).toContain(path);
    expect(messageOf(changes)).toContain("Secrets Manager");
    expect(messageOf(changes)).not.toContain(value);
  });

  it("under a name that nobody thought of is not repeated either: of an unknown key only the name is told", () => {
    const message = messageOf({ sources: { mongodb: { ...VALID.sources.mongodb, parola: "abc9" } } });
    expect(message).toContain("the unknown key parola");
    expect(message).not.toContain("abc9");
  });

  it("is not seen in names and ARNs of secrets", () => {
    const arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp-AbCdEf";
    expect(faultsOf({ host: { ...VALID.host, keySecret: arn } })).toEqual([]);
  });
});

describe("notes", () => {
  it("say that a daily backup runs outside the quiet hours", () => {
    expect(inspect({ cadences: { daily: { at: "06:00" } } }).notes.join()).toContain(
      "outside the quiet hours",
    );
    expect(inspect({ cadences: { daily: { at: "05:59" } } }).notes.join()).not.toContain("quiet hours");
  });

  it("have nothing to say of slices, which are made every 15 minutes or as often as is said", () => {
    const { estate, notes } = inspect({});
    expect(notes.join()).not.toContain("slice");
    expect(estate.cadences.slice?.schedule).toEqual({ everyMinutes: 15 });
    const often = inspect({ cadences: { slice: { every: "1 minute" } } }).estate;
    expect(often.cadences.slice?.schedule).toEqual({ everyMinutes: 1 });
  });
});

describe("estate.schema.json", () => {
  it("is what scripts/write-schema.ts writes", () => {
    const stored = JSON.parse(readFileSync(join(ROOT, "estate.schema.json"), "utf8"));
    expect(stored).toEqual(JSON.parse(JSON.stringify(estateJsonSchema())));
  });
});
