import { expect, test } from "vitest";
import { parseEstate } from "../../../lib/config/load-estate.ts";

const estate = (localTier: string, timeZone = "Etc/UTC") =>
  parseEstate(
    `
name: erp
timeZone: ${timeZone}
regions: { primary: eu-central-1, replica: eu-west-1 }
host: { address: erp.example.com, user: estate, hostKey: ssh-ed25519 AAAA, keySecret: erp/key }
sources:
  uploads: { kind: files, folders: { uploads: /srv/uploads } }
alerts: { emails: [ops@example.com] }
${localTier}
`,
    "estate.yaml",
    { now: new Date("2026-11-27T00:00:00Z") },
  ).localTier;

test("copies on the host are made where they are asked for, seven a source, at two, below /backup", () => {
  expect(estate("localTier: {}")).toEqual({ path: "/backup", keep: 7, schedule: { at: "02:00" } });
  expect(estate("")).toBeUndefined();
});

test("path, hour and number can be said", () => {
  expect(estate('localTier: { path: /mnt/copies, at: "04:30", keep: 3 }')).toEqual({
    path: "/mnt/copies",
    keep: 3,
    schedule: { at: "04:30" },
  });
});

test("the default hour moves where the clock change skips it, and a said one is refused", () => {
  expect(estate("localTier: {}", "Europe/Berlin")).toMatchObject({ schedule: { at: "03:00" } });
  expect(() => estate('localTier: { at: "02:30" }', "Europe/Berlin")).toThrow(
    /localTier\.at.*"02:30".*clock change skips it/s,
  );
});

test.each([
  ["path: backup", /localTier\.path/],
  ["path: /backup/", /localTier\.path/],
  ["path: /a/../b", /localTier\.path/],
  ['path: "/backup $(id)"', /localTier\.path/],
  ["keep: 0", /localTier\.keep/],
  ["every: 1 day", /localTier\.every/],
])("%s is refused", (line, message) => {
  expect(() => estate(`localTier: { ${line} }`)).toThrow(message);
});
