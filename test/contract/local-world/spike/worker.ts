import { readdirSync } from "node:fs";
import { SendTaskSuccessCommand, SFNClient } from "@aws-sdk/client-sfn";
import { MongoClient } from "mongodb";

const { JOB_REQUEST = "{}", DRILL_HOST, DRILL_PORT } = process.env;
const { taskToken, hang } = JSON.parse(JOB_REQUEST) as { taskToken: string; hang: boolean };

async function askDrillServer(): Promise<string> {
  const client = new MongoClient(`mongodb://${DRILL_HOST}:${DRILL_PORT}/`);
  const { version } = await client.db("admin").command({ buildInfo: 1 });
  await client.close();
  return version;
}

const answer = {
  node: process.versions.node.split(".")[0],
  drillServer: await askDrillServer(),
  files: readdirSync(process.cwd()).filter((file) => !file.startsWith("worker-")),
  environment: Object.keys(process.env)
    .filter((name) => !name.startsWith("AWS_"))
    .sort(),
};
if (hang) await new Promise((resolve) => setTimeout(resolve, 600_000));
await new SFNClient().send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(answer) }));
