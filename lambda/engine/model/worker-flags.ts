/**
 * A young generation of at most 8 MiB: left to itself it grows with the garbage of a fast stream, by 60 MiB and more
 * beyond what is alive. And a collector that can be called once a large document was let go.
 */
export const WORKER_NODE_FLAGS = ["--max-semi-space-size=8", "--expose-gc"];
