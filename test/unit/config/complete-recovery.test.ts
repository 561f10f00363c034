import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseEstate } from "../../../lib/config/load-estate.ts";

const HOST = { address: "erp.example.com", user: "backup", hostKey: "ssh-ed25519 AAAA" };
const VALID = {
  name: "erp",
  timeZone: "Europe/Berlin",
  regions: { primary: "eu-central-1", replica: "eu-west-1" },
  host: { ...HOST, keySecret: "erp/key" },
  sources: { mongodb: { reach: { via: "container", container: "mongo" } } },
};
const parse = (changes: object) => parseEstate(stringify({ ...VALID, ...changes }), "estate.yaml");
const DRILL = { address: "drill.example.com", hostKey: "ssh-ed25519 BBBB" };
const health = { url: "http://127.0.0.1/health" };

describe("the throw-away host", () => {
  it("has the user of the estate's own host, port 22 and a day in the month where nothing else is said", () => {
    expect(parse({ disasterDrill: { host: DRILL } }).disasterDrill).toEqual({
      host: { ...DRILL, user: "backup", port: 22 },
      schedule: { at: "05:00", onDayOfMonth: 15 },
    });
  });

  it.each([
    ["address", { ...DRILL, address: "erp.example.com" }, /disasterDrill\.host\.address/],
    ["host key", { ...DRILL, hostKey: "ssh-ed25519 AAAA" }, /disasterDrill\.host\.hostKey/],
  ])("is refused with the %s of the estate's own", (_name, host, fault) => {
    expect(() => parse({ disasterDrill: { host } })).toThrow(fault);
  });

  it("is refused where the app's health is asked for at a name that may be the live app's", () => {
    const app = { stop: "a", start: "b", health: { url: "https://erp.example.com/health" } };
    expect(() => parse({ app, disasterDrill: { host: DRILL } })).toThrow(/app\.health\.url/);
    expect(parse({ app }).app?.health.url).toBe("https://erp.example.com/health");
  });

  it("may be spared sources by name, of those that there are, and not all of them", () => {
    const drill = (without: string[]) => parse({ disasterDrill: { host: DRILL, without } }).disasterDrill;
    expect(() => drill(["nothing"])).toThrow(/disasterDrill\.without.*nothing.*names of sources: mongodb/s);
    expect(() => drill(["mongodb"])).toThrow(/at least one source that is recovered/);
  });

  it("may be another port of the same address, as containers have", () => {
    const host = { ...DRILL, address: "erp.example.com", port: 2222 };
    expect(parse({ disasterDrill: { host } }).disasterDrill?.host).toMatchObject({ port: 2222 });
  });
});

describe("the commands of a complete recovery", () => {
  it("make what Docker Compose has never made", () => {
    const compose = { file: "/srv/erp/compose.yaml", services: ["app"], databases: ["mongodb", "redis"] };
    expect(parse({ app: { compose, health } }).app).toMatchObject({
      startCommand: "docker compose --file /srv/erp/compose.yaml start app",
      createCommand: "docker compose --file /srv/erp/compose.yaml up --detach app",
      servicesCommand: "docker compose --file /srv/erp/compose.yaml up --detach mongodb redis",
    });
  });

  it("are the host's own where these are written, and none for databases that nobody named", () => {
    const own = { stop: "systemctl stop erp", start: "systemctl start erp" };
    expect(parse({ app: { ...own, services: "systemctl start mongod", health } }).app).toMatchObject({
      servicesCommand: "systemctl start mongod",
    });
    expect(parse({ app: { ...own, health } }).app).not.toHaveProperty("servicesCommand");
  });

  it("come from one place only", () => {
    const compose = { file: "/srv/erp/compose.yaml", services: ["app"] };
    expect(() => parse({ app: { compose, services: "systemctl start mongod", health } })).toThrow(
      /either compose/,
    );
  });
});

it("no source may be called all, which means every one", () => {
  expect(() => parse({ sources: { all: { ...VALID.sources.mongodb, kind: "mongodb" } } })).toThrow(
    /sources\.all/,
  );
});
