import { describe, expect, test } from "vitest";
import { FULL_CADENCES } from "../../lambda/engine/model/cadence.ts";
import { drillServersOf } from "../../lib/drill-servers.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const uploads = {
  kind: "files",
  compute: "fargate",
  config: { folders: { uploads: "/srv/uploads" }, drillDiskGiB: 80 },
} as const;
const estate = makeEstate({ sources: { ...makeEstate().sources, uploads } });
const { workers } = synthesizeEstate(estate, drillServersOf(estate));

describe("a source of files", () => {
  test("is drilled on the disk of a task without a server, as large as the estate says", () => {
    const task = propertiesOf(workers, "AWS::ECS::TaskDefinition").find(
      ({ Family }) => Family === "demo-drill-uploads-1",
    );
    expect(task).toMatchObject({ EphemeralStorage: { SizeInGiB: 80 } });
    const containers = task?.ContainerDefinitions as { Environment: unknown[] }[];
    expect(containers).toHaveLength(1);
    expect(containers[0]?.Environment).toContainEqual({ Name: "DRILL_FOLDER", Value: "/tmp" });
  });

  test("lets the writer read its own indexes again, and no other data", () => {
    const reads = statementsOf(workers, "FleetWriter")
      .filter(({ Action }) => [Action].flat().includes("s3:GetObjectVersion"))
      .map(({ Resource }) => JSON.stringify(Resource));
    const ofData = reads.filter((resource) => resource.includes("/data/"));
    const patterns = ofData.flatMap((resource) => resource.match(/\/data\/[^"]+/g) ?? []);
    // A policy's `*` crosses folders: with one for the cadence, another source's artifact of that name would fit.
    expect(patterns.toSorted()).toEqual(
      FULL_CADENCES.toSorted().map((cadence) => `/data/${cadence}/uploads/*/index/*`),
    );
  });
});
