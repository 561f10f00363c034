import { defineConfig } from "vitest/config";

const project = (name: string, timeoutMs: number, servers: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    // Real servers share ports, disks and two cores: one file at a time.
    fileParallelism: !servers,
    // Seconds to load the CDK, in every test file that is isolated: synth loads it once a worker.
    isolate: name !== "synth",
    passWithNoTests: false,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 10_000, false),
      project("synth", 60_000, false),
      project("tidy", 30_000, false),
      project("runbooks", 30_000, false),
      project("golden", 30_000, false),
      project("contract", 120_000, true),
      project("integration", 180_000, true),
      project("faults", 240_000, true),
      // A real n8n, which `npm run test:n8n` installs first; `npm test` names its projects and leaves it out.
      project("n8n", 600_000, true),
    ],
  },
});
