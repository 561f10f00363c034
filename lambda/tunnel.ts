import { serveTunnel } from "./engine/jobs/world.ts";

/** The entry of a process that carries a tunnel, where the worker runs from its sources. */
await serveTunnel(process);
