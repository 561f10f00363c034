/**
 * A young generation of at most 8 MiB: left to itself it grows with the garbage of a fast stream, by 60 MiB and more
 * beyond what is alive. And a collector that can be called once a large document was let go.
 */
export const WORKER_NODE_FLAGS = ["--max-semi-space-size=8", "--expose-gc"];

/**
 * For glibc, as variables of the environment. Memory of a megabyte and more goes back to the system when it is let go: left
 * to itself glibc raises that threshold to 32 MiB once such a buffer was freed, and keeps what is below it. Source:
 * mallopt(3), M_MMAP_THRESHOLD, M_ARENA_MAX.
 */
export const WORKER_ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_ARENA_MAX: "2" } as const;
