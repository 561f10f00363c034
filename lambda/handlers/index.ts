export { approver } from "./approver.ts";
export { auditor } from "./auditor.ts";
export { checker } from "./checker.ts";
export { publisher } from "./publisher.ts";
export { restorer } from "./restorer.ts";
export { slicer } from "./slicer.ts";
export { taskStopped } from "./task-stopped.ts";
export { writer } from "./writer.ts";
