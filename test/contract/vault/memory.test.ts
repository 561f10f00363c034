import { MemoryState } from "../../../lambda/engine/vault/memory-state.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { describeState } from "./state-contract.ts";
import { describeVault } from "./vault-contract.ts";

describeVault("in memory", async () => {
  const vault = new MemoryVault({ now: () => new Date() });
  return {
    vault,
    putDeleteMarker: async (key) => vault.putDeleteMarker(key),
    deleteVersion: async (ref) => vault.deleteVersion(ref),
    archive: async (ref) => {
      vault.setAvailability(ref, { state: "archived" });
      return ref;
    },
    finishThaw: async (ref) => vault.setAvailability(ref, { state: "readable", until: new Date() }),
    leftovers: async (prefix) => {
      const keys: string[] = [];
      for await (const { key } of vault.list(prefix, new AbortController().signal)) keys.push(key);
      return keys;
    },
    async [Symbol.asyncDispose]() {},
  };
});

describeState("in memory", async () => ({ state: new MemoryState(), async [Symbol.asyncDispose]() {} }));
